//! Generates RSA-4096 key pairs, about ten times faster than `ssh-keygen`.
//!
//! Two primes are found by incremental search from random starting points on all processors: a sieve, a filter
//! (`fermat`), and a proof. The other numbers follow from them (RFC 8017, section 3.2). Before a key is returned, AWS-LC
//! loads it, signs with it and verifies the signature. Decision 0004 gives the reasons.

mod fermat;

use std::num::NonZeroU32;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey,
};
use crypto_bigint::{Limb, NonZero, U2048, U4096};
use crypto_primes::hazmat::SmallFactorsSieve;
use crypto_primes::{Flavor, is_prime};
use pkcs1::UintRef;
use pkcs1::der::Encode as _;
use rand::TryRng as _;
use rand::rngs::SysRng;
use ssh_key::Mpint;
use ssh_key::private::{RsaKeypair, RsaPrivateKey};
use ssh_key::public::RsaPublicKey;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The public exponent, F4, as `ssh-keygen` and OpenSSL choose it.
const EXPONENT: u32 = 65_537;

/// FIPS 186-5 A.1.3 requires a larger distance between the primes than this power of two.
const DISTANCE_BITS: u32 = 2048 - 100;

/// More threads would wait for the lock of the sieve.
const MAX_THREADS: usize = 16;

/// Why no RSA key was generated.
#[derive(Debug, Error)]
pub(crate) enum RsaError {
    #[error("no random bytes from the operating system: {0}")]
    Random(String),
    #[error("the generated RSA key failed its self-test")]
    SelfTestFailed,
}

/// Generates an RSA key pair of 4,096 bits, which takes about 0.1 to 0.5 seconds.
pub(super) fn generate() -> Result<RsaKeypair, RsaError> {
    let [p, q] = generate_prime_pair()?;
    let numbers = RsaComponents::from_primes(&p, &q).ok_or(RsaError::SelfTestFailed)?;
    numbers.self_test().ok_or(RsaError::SelfTestFailed)?;
    numbers.to_keypair().map_err(|_| RsaError::SelfTestFailed)
}

/// The numbers of a two-prime RSA key, named as in RFC 8017, section 3.2.
#[derive(Zeroize, ZeroizeOnDrop)]
struct RsaComponents {
    n: U4096,
    d: U4096,
    p: U2048,
    q: U2048,
    d_p: U2048,
    d_q: U2048,
    q_inv: U2048,
}

impl RsaComponents {
    fn from_primes(p: &U2048, q: &U2048) -> Option<Self> {
        let p_minus_1 = Zeroizing::new(p.wrapping_sub(&U2048::ONE));
        let q_minus_1 = Zeroizing::new(q.wrapping_sub(&U2048::ONE));
        let gcd = NonZero::new(p_minus_1.gcd(&q_minus_1)).into_option()?;
        // lcm(p-1, q-1), the smaller of the two moduli that RFC 8017 allows.
        let lambda: U4096 = p_minus_1.concatenating_mul(&q_minus_1.wrapping_div(&gcd));
        let lambda = Zeroizing::new(lambda);
        Some(Self {
            n: p.concatenating_mul(q),
            d: U4096::from_u32(EXPONENT)
                .invert_mod(&NonZero::new(*lambda).into_option()?)
                .into_option()?,
            p: *p,
            q: *q,
            d_p: U2048::from_u32(EXPONENT)
                .invert_mod(&NonZero::new(*p_minus_1).into_option()?)
                .into_option()?,
            d_q: U2048::from_u32(EXPONENT)
                .invert_mod(&NonZero::new(*q_minus_1).into_option()?)
                .into_option()?,
            q_inv: q
                .invert_mod(&NonZero::new(*p).into_option()?)
                .into_option()?,
        })
    }

    /// Lets AWS-LC load the key (which checks that the numbers belong together), sign, and verify.
    fn self_test(&self) -> Option<()> {
        const MESSAGE: &[u8] = b"bbconnect: does this key work?";
        let key = KeyPair::from_der(&self.to_pkcs1()?).ok()?;
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            MESSAGE,
            &mut signature,
        )
        .ok()?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key())
            .verify(MESSAGE, &signature)
            .ok()
    }

    /// The DER encoding of an `RSAPrivateKey` (RFC 8017, appendix A.1.2).
    fn to_pkcs1(&self) -> Option<Zeroizing<Vec<u8>>> {
        let big = |number: &U4096| Zeroizing::new(number.to_be_bytes().as_ref().to_vec());
        let half = |number: &U2048| Zeroizing::new(number.to_be_bytes().as_ref().to_vec());
        let [modulus, private] = [big(&self.n), big(&self.d)];
        let [prime1, prime2, exponent1, exponent2, coefficient] =
            [&self.p, &self.q, &self.d_p, &self.d_q, &self.q_inv].map(half);
        let public = EXPONENT.to_be_bytes();
        let key = pkcs1::RsaPrivateKey {
            modulus: UintRef::new(&modulus).ok()?,
            public_exponent: UintRef::new(&public).ok()?,
            private_exponent: UintRef::new(&private).ok()?,
            prime1: UintRef::new(&prime1).ok()?,
            prime2: UintRef::new(&prime2).ok()?,
            exponent1: UintRef::new(&exponent1).ok()?,
            exponent2: UintRef::new(&exponent2).ok()?,
            coefficient: UintRef::new(&coefficient).ok()?,
            other_prime_infos: None,
        };
        key.to_der().ok().map(Zeroizing::new)
    }

    fn to_keypair(&self) -> ssh_key::Result<RsaKeypair> {
        let big = |number: &U4096| Mpint::from_positive_bytes(number.to_be_bytes().as_ref());
        let half = |number: &U2048| Mpint::from_positive_bytes(number.to_be_bytes().as_ref());
        let public = RsaPublicKey::new(
            Mpint::from_positive_bytes(&EXPONENT.to_be_bytes()),
            big(&self.n),
        )?;
        let private = RsaPrivateKey::new(
            big(&self.d),
            half(&self.q_inv),
            half(&self.p),
            half(&self.q),
        )?;
        RsaKeypair::new(public, private)
    }
}

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
                // If a thread cannot be started, the search is only slower.
                drop(thread::Builder::new().spawn_scoped(scope, move || search(pools, index)));
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

/// Searches one pool until its prime is found, then the other.
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

/// Candidates upwards from one random starting point, and the first prime among them.
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
                    // Another thread may have found a prime first; either will do.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_4096_bits_and_primes_far_apart() {
        let key = generate().expect("a key is generated");
        assert_eq!(key.key_size(), 4096);
        let bytes = |number: &Mpint| {
            U2048::from_be_slice(number.as_positive_bytes().expect("primes are positive"))
        };
        let [p, q] = [key.private().p(), key.private().q()].map(bytes);
        let distance = if p > q {
            p.wrapping_sub(&q)
        } else {
            q.wrapping_sub(&p)
        };
        assert!(distance.bits_vartime() > 1948);
        assert!(
            [p, q].iter().all(
                |prime| prime.bits_vartime() == 2048 && prime.to_be_bytes().as_ref()[0] >= 0xc0
            )
        );
    }

    #[test]
    fn numbers_that_do_not_belong_together_fail_the_self_test() {
        let [p, q] = generate_prime_pair().expect("primes are found");
        let sound = RsaComponents::from_primes(&p, &q).expect("the numbers follow");
        assert_eq!(sound.self_test(), Some(()));
        let mut unsound = RsaComponents::from_primes(&p, &q).expect("the numbers follow");
        unsound.d = unsound.d.wrapping_add(&U4096::from_u32(2));
        assert_eq!(unsound.self_test(), None);
    }
}
