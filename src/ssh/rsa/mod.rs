//! RSA-4096 key pairs, made about ten times faster than `ssh-keygen` makes them.
//!
//! Two primes are found by incremental search from random starts (`primes`), the other numbers follow from them
//! (RFC 8017, section 3.2), and before the key leaves this room AWS-LC has loaded it, signed with it and verified.
//! Why it is done this way: decision 0004.

mod fermat;
mod primes;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey,
};
use crypto_bigint::{NonZero, U2048, U4096};
use pkcs1::UintRef;
use pkcs1::der::Encode as _;
use ssh_key::Mpint;
use ssh_key::private::{RsaKeypair, RsaPrivateKey};
use ssh_key::public::RsaPublicKey;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The public exponent, F4, as `ssh-keygen` and OpenSSL choose it.
const EXPONENT: u32 = 65_537;

/// Why no RSA key was made.
#[derive(Debug, Error)]
pub(crate) enum RsaError {
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(String),
    /// The key that was made did not pass the check that every key passes before it is used.
    #[error("the RSA key that was made did not pass its own check")]
    SelfTestFailed,
}

/// Makes an RSA key pair of 4,096 bits.
///
/// Takes around 0.1 to 0.5 seconds of wall time, luck included.
///
/// # Errors
/// Without random bytes from the operating system, or when the finished key does not sign and verify.
pub(super) fn generate() -> Result<RsaKeypair, RsaError> {
    let [p, q] = primes::generate_prime_pair()?;
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

    /// Has AWS-LC load the key (which checks that the numbers belong together), sign, and verify.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_key_has_4096_bits_and_primes_far_apart() {
        let key = generate().expect("a key is made");
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
    fn numbers_that_do_not_belong_together_are_not_proved() {
        let [p, q] = primes::generate_prime_pair().expect("primes are found");
        let sound = RsaComponents::from_primes(&p, &q).expect("the numbers follow");
        assert_eq!(sound.self_test(), Some(()));
        let mut unsound = RsaComponents::from_primes(&p, &q).expect("the numbers follow");
        unsound.d = unsound.d.wrapping_add(&U4096::from_u32(2));
        assert_eq!(unsound.self_test(), None);
    }
}
