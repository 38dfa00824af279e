//! Configuration of the property tests.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// The same inputs on every machine. For more: `PROPTEST_CASES=1000000 cargo test --test it untrusted_input::`.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let wanted = ProptestConfig::default();
    let config = ProptestConfig {
        failure_persistence: None,
        ..wanted
    };
    if config.cases != 256 {
        return config;
    }
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(7999),
        ..config
    }
}
