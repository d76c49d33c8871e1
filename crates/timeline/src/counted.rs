//! Counts for people.

use std::fmt::Display;

/// So many of a thing: `1 frame`, `2 frames`, `0 frames`. For nouns whose plural ends in s.
pub fn counted(count: impl Display + PartialEq + From<u8>, noun: &str) -> String {
    let ending = if count == 1.into() { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let (none, one, two) = (counted(0u64, "frame"), counted(1usize, "frame"), counted(2u32, "ARKit channel"));
        assert_eq!([none.as_str(), &one, &two], ["0 frames", "1 frame", "2 ARKit channels"]);
    }
}
