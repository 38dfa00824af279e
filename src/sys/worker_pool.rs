//! Parallel work, limited in total and per key, so that one slow server never occupies all workers.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// Maximum number of threads.
pub(crate) const MAX_WORKERS: usize = 32;
/// Maximum number of threads for one key.
pub(crate) const MAX_PER_KEY: usize = 8;

/// Calls `work` for every item and returns the results in the order of the items.
///
/// At most [`MAX_PER_KEY`] items with the same key, such as a server's address, are in work at the same time.
pub(crate) fn map_bounded<T, K, R>(
    items: &[T],
    key: impl Fn(&T) -> K,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R>
where
    T: Sync,
    K: Eq + Hash,
    R: Send,
{
    if let [item] = items {
        return vec![work(item)];
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut by_key = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let group = *by_key.entry(key(item)).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Group::default());
        }
        if let Some(group) = groups.get_mut(group) {
            group.waiting.push_back(index);
        }
    }
    let queue = Queue {
        groups: Mutex::new(groups),
        changed: Condvar::new(),
    };
    let done = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..items.len().min(MAX_WORKERS) {
            scope.spawn(|| {
                while let Some((index, group)) = queue.next() {
                    let result = items.get(index).map(&work);
                    queue.finish(group);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.extend(result.map(|result| (index, result)));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The items with one key.
#[derive(Default)]
struct Group {
    waiting: VecDeque<usize>,
    running: usize,
}

struct Queue {
    groups: Mutex<Vec<Group>>,
    changed: Condvar,
}

impl Queue {
    /// Waits for an item whose group is below its limit, and returns it with its group. `None` when no items are left.
    fn next(&self) -> Option<(usize, usize)> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let waiting = groups.iter_mut().enumerate();
            let waiting = waiting.filter(|(_, group)| !group.waiting.is_empty());
            // Prefers groups with few running items, so that a slow server delays only its own items.
            let (at, group) = waiting.min_by_key(|(_, group)| group.running)?;
            if group.running < MAX_PER_KEY
                && let Some(index) = group.waiting.pop_front()
            {
                group.running += 1;
                return Some((index, at));
            }
            groups = self
                .changed
                .wait(groups)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self, group: usize) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get_mut(group) {
            group.running -= 1;
        }
        drop(groups);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..100).collect();
        let work = |item: &u64| {
            thread::sleep(Duration::from_micros((100 - item) * 20));
            item * 2
        };
        let expected: Vec<u64> = items.iter().map(|item| item * 2).collect();
        assert_eq!(map_bounded(&items, |item| item % 3, work), expected);
        assert_eq!(map_bounded(&[1_u64; 0], |item| *item, work), [0_u64; 0]);
    }

    #[test]
    fn one_key_never_occupies_all_workers() {
        let slow_now = AtomicUsize::new(0);
        let max_slow = AtomicUsize::new(0);
        let items: Vec<bool> = (0..30).map(|number| number < 24).collect();
        let started = Instant::now();
        let ended = map_bounded(
            &items,
            |slow| *slow,
            |slow| {
                if *slow {
                    max_slow.fetch_max(
                        slow_now.fetch_add(1, Ordering::SeqCst) + 1,
                        Ordering::SeqCst,
                    );
                    thread::sleep(Duration::from_millis(200));
                    slow_now.fetch_sub(1, Ordering::SeqCst);
                }
                started.elapsed()
            },
        );
        assert_eq!(max_slow.load(Ordering::SeqCst), MAX_PER_KEY);
        let (slow, fast) = ended.split_at(24);
        assert!(fast.iter().max() < slow.iter().min(), "{ended:?}");
    }
}
