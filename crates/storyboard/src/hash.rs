//! Randomness that is the same on every machine.

/// 64 bits that look random, of 64 that may not. Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014 (SplitMix64).
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number for some texts (FNV-1a); where one ends and the next begins counts.
pub(crate) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for text in texts {
        for byte in text.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    mix(hash)
}

/// A number in `0..1` from 53 random bits.
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_published_generator() {
        // The first outputs of SplitMix64 for the seeds 0 and 1234567.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(1_234_567), 6_457_827_717_110_365_317);
        assert!((0..1000).map(|seed| unit(mix(seed))).all(|u| (0.0..1.0).contains(&u)));
        let mean = (0..10_000).map(|seed| unit(mix(seed))).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }

    #[test]
    fn texts_that_differ_give_other_numbers() {
        assert_ne!(texts(["ab", "c"]), texts(["a", "bc"]));
        assert_ne!(texts(["a"]), texts(["a", ""]));
        assert_eq!(texts(["a", "b"]), texts(["a", "b"]));
    }
}
