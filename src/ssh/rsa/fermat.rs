//! The base-2 Fermat filter: two candidates at a time through AWS-LC, in unsafe code.
//!
//! AWS-LC computes two 2,048-bit exponentiations in parallel with AVX-512 IFMA where the processor has it, and one
//! after the other elsewhere; either way it is several times faster than portable code. It is a *filter*: `crypto-primes`
//! proves what passes it, so a wrong result could only cost time, or reject a prime that another candidate replaces.
//! It can never make a composite pass.
//!
//! # Safety argument
//!
//! * Every pointer comes from an AWS-LC constructor, is checked for null, and is owned by exactly one of [`Number`],
//!   [`Montgomery`] and [`BnCtx`], whose `Drop` frees it once. None of them is `Send`, `Sync` or `Clone`: they
//!   never leave the function that created them.
//! * Input slices are 256-byte arrays that outlive the calls; `BN_le2bn` copies them.
//! * `BN_mod_exp_mont_consttime_x2` demands odd moduli, reduced non-negative bases, equal widths and initialised
//!   Montgomery contexts. Candidates are odd and have 2,048 bits (checked below); base 2 and the exponents are read
//!   from full-width arrays, and `BN_le2bn` keeps that width.
//! * Numbers and contexts are cleansed when freed (AWS-LC's allocator overwrites what it gives back).
#![expect(
    unsafe_code,
    reason = "AWS-LC's side-by-side exponentiation has no safe binding (decision 0004)"
)]

use std::ptr::NonNull;

use aws_lc_sys::{
    BIGNUM, BN_CTX, BN_CTX_free, BN_CTX_new, BN_MONT_CTX, BN_MONT_CTX_free,
    BN_MONT_CTX_new_for_modulus, BN_clear_free, BN_is_one, BN_le2bn, BN_mod_exp_mont_consttime_x2,
    BN_new,
};
use crypto_bigint::U2048;
use zeroize::Zeroize as _;

/// Bytes of a 2,048-bit number.
const BYTES: usize = U2048::BYTES;

/// For each of two candidates, whether `2^(n-1) = 1 (mod n)`: true for every odd prime, false for nearly every
/// composite.
///
/// Candidates must be odd and have exactly 2,048 bits. Otherwise, and if AWS-LC cannot allocate memory, both pass the
/// filter, and only the proof takes longer.
pub(super) fn probably_prime(candidates: [&U2048; 2]) -> [bool; 2] {
    let suitable = |n: &U2048| n.bits_vartime() == U2048::BITS && n.is_odd().to_bool();
    if !candidates.iter().all(|n| suitable(n)) {
        return [true; 2];
    }
    powers_of_two(candidates).unwrap_or([true; 2])
}

/// The two exponentiations; `None` where AWS-LC reports a failure.
fn powers_of_two([first, second]: [&U2048; 2]) -> Option<[bool; 2]> {
    let scratch = BnCtx::new()?;
    let base = Number::from_little_endian(&little_endian(&U2048::from_u8(2)))?;
    let [m1, m2] = [Number::from_u2048(first)?, Number::from_u2048(second)?];
    let [e1, e2] = [
        Number::from_u2048(&first.wrapping_sub(&U2048::ONE))?,
        Number::from_u2048(&second.wrapping_sub(&U2048::ONE))?,
    ];
    let [c1, c2] = [
        Montgomery::new(&m1, &scratch)?,
        Montgomery::new(&m2, &scratch)?,
    ];
    let [r1, r2] = [Number::zero()?, Number::zero()?];
    // SAFETY: all pointers are live and owned by the values above; the moduli are odd, of 2,048 bits, and match their
    // contexts; the base is below both moduli; see the safety argument at the top.
    let done = unsafe {
        BN_mod_exp_mont_consttime_x2(
            r1.0.as_ptr(),
            base.0.as_ptr(),
            e1.0.as_ptr(),
            m1.0.as_ptr(),
            c1.0.as_ptr(),
            r2.0.as_ptr(),
            base.0.as_ptr(),
            e2.0.as_ptr(),
            m2.0.as_ptr(),
            c2.0.as_ptr(),
            scratch.0.as_ptr(),
        )
    };
    (done == 1).then(|| [r1.is_one(), r2.is_one()])
}

fn little_endian(number: &U2048) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes.copy_from_slice(number.to_le_bytes().as_ref());
    bytes
}

/// An owned `BIGNUM`.
struct Number(NonNull<BIGNUM>);

impl Number {
    fn zero() -> Option<Self> {
        // SAFETY: no arguments; null is handled.
        NonNull::new(unsafe { BN_new() }).map(Self)
    }

    fn from_u2048(number: &U2048) -> Option<Self> {
        let mut bytes = little_endian(number);
        let result = Self::from_little_endian(&bytes);
        bytes.zeroize();
        result
    }

    fn from_little_endian(bytes: &[u8; BYTES]) -> Option<Self> {
        let number = Self::zero()?;
        // SAFETY: `bytes` is readable for its whole length, and `number` is a live BIGNUM.
        let read = unsafe { BN_le2bn(bytes.as_ptr(), bytes.len(), number.0.as_ptr()) };
        (!read.is_null()).then_some(number)
    }

    fn is_one(&self) -> bool {
        // SAFETY: `self.0` is a live BIGNUM.
        unsafe { BN_is_one(self.0.as_ptr()) == 1 }
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: owned, live, freed once.
        unsafe { BN_clear_free(self.0.as_ptr()) }
    }
}

/// An owned Montgomery context of one modulus.
struct Montgomery(NonNull<BN_MONT_CTX>);

impl Montgomery {
    fn new(modulus: &Number, scratch: &BnCtx) -> Option<Self> {
        // SAFETY: both are live; the modulus is odd and positive.
        NonNull::new(unsafe { BN_MONT_CTX_new_for_modulus(modulus.0.as_ptr(), scratch.0.as_ptr()) })
            .map(Self)
    }
}

impl Drop for Montgomery {
    fn drop(&mut self) {
        // SAFETY: owned, live, freed once.
        unsafe { BN_MONT_CTX_free(self.0.as_ptr()) }
    }
}

/// An owned pool of temporary numbers.
struct BnCtx(NonNull<BN_CTX>);

impl BnCtx {
    fn new() -> Option<Self> {
        // SAFETY: no arguments; null is handled.
        NonNull::new(unsafe { BN_CTX_new() }).map(Self)
    }
}

impl Drop for BnCtx {
    fn drop(&mut self) {
        // SAFETY: owned, live, freed once; nothing borrowed from it remains.
        unsafe { BN_CTX_free(self.0.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use crypto_bigint::Odd;
    use crypto_primes::hazmat::{MillerRabin, SmallFactorsSieve};

    use super::*;

    /// The largest prime of 2,048 bits is 2^2048 - 1557.
    fn below_2_to_the_2048(distance: u32) -> U2048 {
        U2048::MAX.wrapping_sub(&U2048::from_u32(distance - 1))
    }

    #[test]
    fn a_prime_passes_and_its_neighbours_do_not() {
        let prime = below_2_to_the_2048(1557);
        for distance in (1..1700).step_by(2).filter(|&distance| distance != 1557) {
            let composite = below_2_to_the_2048(distance);
            assert_eq!(
                probably_prime([&prime, &composite]),
                [true, false],
                "2^2048 - {distance}"
            );
        }
    }

    #[test]
    fn candidates_that_cannot_be_tested_pass() {
        let prime = below_2_to_the_2048(1557);
        let even = prime.wrapping_sub(&U2048::ONE);
        let short = U2048::from_u32(65_537);
        assert_eq!(probably_prime([&prime, &even]), [true; 2]);
        assert_eq!(probably_prime([&short, &prime]), [true; 2]);
        assert_eq!(probably_prime([&prime, &prime]), [true; 2]);
    }

    #[test]
    fn it_agrees_with_an_independent_test() {
        let bits = NonZeroU32::new(U2048::BITS).expect("2048 is not zero");
        let start = U2048::MAX.wrapping_sub(&(U2048::ONE << 2000));
        let mut sieve = SmallFactorsSieve::new(start, bits, false).expect("the start fits");
        let mut primes = 0;
        while primes < 2 {
            let pair = [(); 2].map(|()| sieve.next().expect("there are more candidates"));
            let filtered = probably_prime([&pair[0], &pair[1]]);
            let tested = pair.map(|number| {
                let odd = Odd::new(number).into_option().expect("candidates are odd");
                MillerRabin::new(odd).test_base_two().is_probably_prime()
            });
            assert_eq!(filtered, tested);
            primes += tested.into_iter().filter(|&prime| prime).count();
        }
    }
}
