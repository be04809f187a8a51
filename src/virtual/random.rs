//! Randomness that a seed repeats.

/// A xorshift64* generator.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Its numbers depend on the seed and on nothing else; each stream of one seed has its own.
    pub(crate) const fn new(seed: u64, stream: u64) -> Self {
        // SplitMix64, so that seeds beside one another have nothing in common. The generator stands still at 0.
        let mut state = seed ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03);
        state = (state ^ state >> 30).wrapping_add(0x9E37_79B9_7F4A_7C15);
        state = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ state >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self((state ^ state >> 31) | 1)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below this one, which is not 0.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Whether something of that probability happens.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        // The upper 32 bits are the best.
        let drawn = u32::try_from(self.next() >> 32).unwrap_or_default();
        f64::from(drawn) < probability * (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_numbers_and_another_has_others() {
        let numbers = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [(); 8].map(|()| random.next())
        };
        assert_eq!(numbers(7, 0), numbers(7, 0));
        assert_ne!(numbers(7, 0), numbers(8, 0));
        assert_ne!(numbers(7, 0), numbers(7, 1));
    }

    #[test]
    fn what_has_a_probability_happens_that_often() {
        for probability in [0.0, 0.01, 0.5, 1.0] {
            let mut random = Random::new(1, 0);
            let times = (0..100_000).filter(|_| random.happens(probability)).count();
            let expected = 100_000.0 * probability;
            assert!(
                (f64::from(u32::try_from(times).unwrap()) - expected).abs() <= expected * 0.1,
                "{probability}: {times}"
            );
        }
    }
}
