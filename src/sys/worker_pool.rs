//! Parallel work, limited in total and per key, so that one slow server never occupies all workers.

use std::collections::HashMap;
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
    K: Eq + Hash + Clone + Send,
    R: Send,
{
    if let [item] = items {
        return vec![work(item)];
    }
    let waiting = items
        .iter()
        .enumerate()
        .map(|(index, item)| (index, key(item)))
        .collect();
    let queue = Queue {
        state: Mutex::new(State {
            waiting,
            running: HashMap::new(),
        }),
        changed: Condvar::new(),
    };
    let done = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..items.len().min(MAX_WORKERS) {
            scope.spawn(|| {
                while let Some((index, key)) = queue.next() {
                    let result = items.get(index).map(&work);
                    queue.finish(&key);
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

struct State<K> {
    waiting: Vec<(usize, K)>,
    running: HashMap<K, usize>,
}

struct Queue<K> {
    state: Mutex<State<K>>,
    changed: Condvar,
}

impl<K: Eq + Hash + Clone> Queue<K> {
    /// Waits for an item whose key is below its limit. `None` when no items are left.
    fn next(&self) -> Option<(usize, K)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.waiting.is_empty() {
                return None;
            }
            let State { waiting, running } = &*state;
            let busy = |key: &K| running.get(key).copied().unwrap_or(0);
            // Prefers keys with few running items, so that a slow server delays only its own items.
            let next = waiting
                .iter()
                .enumerate()
                .min_by_key(|(_, (_, key))| busy(key));
            let next = next
                .filter(|(_, (_, key))| busy(key) < MAX_PER_KEY)
                .map(|(at, _)| at);
            if let Some(at) = next {
                let (index, key) = state.waiting.remove(at);
                *state.running.entry(key.clone()).or_default() += 1;
                return Some((index, key));
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self, key: &K) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = state.running.get_mut(key) {
            *running -= 1;
        }
        drop(state);
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
