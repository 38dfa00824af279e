//! How many made-up texts are tried.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// The same ones on every machine. To look further: `PROPTEST_CASES=1000000 cargo test --test it doors::`.
pub(crate) fn cases(number: u32) -> ProptestConfig {
    let wanted = ProptestConfig::default();
    let config = ProptestConfig {
        failure_persistence: None,
        ..wanted
    };
    if config.cases != 256 {
        return config;
    }
    ProptestConfig {
        cases: number,
        rng_seed: RngSeed::Fixed(7999),
        ..config
    }
}
