//! The race for two 2,048-bit primes: sieve, filter, prove, on all processors.

use std::num::NonZeroU32;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use crypto_bigint::{Limb, NonZero, U2048};
use crypto_primes::hazmat::SmallFactorsSieve;
use crypto_primes::{Flavor, is_prime};
use rand::TryRng as _;
use rand::rngs::SysRng;
use zeroize::{Zeroize as _, Zeroizing};

use super::{EXPONENT, RsaError, fermat};

/// FIPS 186-5 A.1.3 asks for primes further apart than this power of two.
const DISTANCE_BITS: u32 = 2048 - 100;

/// More threads than this wait for each other's sieve instead of working.
const MAX_THREADS: usize = 16;

/// Two distinct random primes, each of 2,048 bits with the two highest set (so their product has 4,096), congruent
/// to something other than 1 modulo the public exponent, and more than 2^1948 apart.
pub(super) fn generate_prime_pair() -> Result<[Zeroizing<U2048>; 2], RsaError> {
    loop {
        let pools = [PrimeSearch::random()?, PrimeSearch::random()?];
        thread::scope(|scope| {
            let threads = thread::available_parallelism()
                .map_or(2, usize::from)
                .clamp(2, MAX_THREADS);
            for index in 1..threads {
                let pools = &pools;
                // A thread less is only slower: this one searches in any case.
                let helper =
                    thread::Builder::new().spawn_scoped(scope, move || search(pools, index));
                drop(helper);
            }
            search(&pools, 0);
        });
        let [first, second] = pools.map(PrimeSearch::into_prime);
        if let (Some(p), Some(q)) = (first, second)
            && far_apart(&p, &q)
        {
            return Ok([p, q]);
        }
    }
}

/// Works on one pool until it has its prime, then helps with the other.
fn search(pools: &[PrimeSearch; 2], index: usize) {
    for pool in [&pools[index % 2], &pools[(index + 1) % 2]] {
        pool.search();
    }
}

fn far_apart(p: &U2048, q: &U2048) -> bool {
    let distance = if p > q {
        p.wrapping_sub(q)
    } else {
        q.wrapping_sub(p)
    };
    distance.bits_vartime() > DISTANCE_BITS
}

/// Candidates upwards from one random start, and the first prime found among them.
struct PrimeSearch {
    candidates: Mutex<SmallFactorsSieve<U2048>>,
    prime: OnceLock<Zeroizing<U2048>>,
}

impl PrimeSearch {
    fn random() -> Result<Self, RsaError> {
        let mut bytes = Zeroizing::new([0; U2048::BYTES]);
        SysRng
            .try_fill_bytes(bytes.as_mut())
            .map_err(|error| RsaError::Random(error.to_string()))?;
        // The two highest bits: p, q >= 1.5 * 2^2047 > sqrt(2) * 2^2047.
        bytes[0] |= 0xc0;
        let bits = NonZeroU32::new(U2048::BITS).ok_or(RsaError::SelfTestFailed)?;
        let sieve = SmallFactorsSieve::new(U2048::from_be_slice(bytes.as_ref()), bits, false)
            .map_err(|_| RsaError::SelfTestFailed)?;
        Ok(Self {
            candidates: Mutex::new(sieve),
            prime: OnceLock::new(),
        })
    }

    fn search(&self) {
        while self.prime.get().is_none() {
            let Some(mut pair) = self.next_pair() else {
                return;
            };
            let survived = fermat::probably_prime([&pair[0], &pair[1]]);
            for (candidate, survived) in pair.iter().zip(survived) {
                if survived
                    && is_coprime_with_exponent(candidate)
                    && self.prime.get().is_none()
                    && is_prime(Flavor::Any, candidate)
                {
                    // Another thread may have been first; both are primes, and either will do.
                    drop(self.prime.set(Zeroizing::new(*candidate)));
                }
            }
            pair.zeroize();
        }
    }

    fn next_pair(&self) -> Option<[U2048; 2]> {
        let mut sieve = self
            .candidates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Some([sieve.next()?, sieve.next()?])
    }

    fn into_prime(self) -> Option<Zeroizing<U2048>> {
        self.prime.into_inner()
    }
}

/// Whether `p - 1` shares no factor with the (prime) public exponent, so that a private exponent exists.
fn is_coprime_with_exponent(prime: &U2048) -> bool {
    NonZero::<Limb>::new(Limb::from(EXPONENT))
        .into_option()
        .is_some_and(|e| prime.rem_limb(e) != Limb::ONE)
}
