//! A part of a film, by the numbers of its frames.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Frames of a film, counted from 0 on its own grid: half open, so that `0..10` is followed by `10..20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRange {
    first: u64,
    end: Option<u64>,
}

impl FrameRange {
    /// From `first` on, up to and without `end`; to the film's end where there is none.
    pub fn new(first: u64, end: Option<u64>) -> Self {
        Self { first, end }
    }

    /// The same in a film of `whole` frames; nothing where it is empty there, or reaches beyond it.
    pub fn within(self, whole: u64) -> Option<Range<u64>> {
        let range = self.first..self.end.unwrap_or(whole);
        (range.start < range.end && range.end <= whole).then_some(range)
    }
}

impl fmt::Display for FrameRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            Some(end) => write!(f, "{}..{end}", self.first),
            None => write!(f, "{}..", self.first),
        }
    }
}

impl FromStr for FrameRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("found '{text}', expected two numbers of frames such as 0..250, or 250.. for the rest");
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let (first, end) = text.split_once("..").ok_or_else(wrong)?;
        let first = if first.trim().is_empty() { Some(0) } else { number(first) };
        let end = if end.trim().is_empty() { Some(None) } else { number(end).map(Some) };
        match (first, end) {
            (Some(first), Some(Some(end))) if end <= first => {
                Err(format!("found '{text}', which holds no frame: the end is not among them, as 3..4 is frame 3"))
            }
            (Some(first), Some(end)) => Ok(Self { first, end }),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_they_are_written() {
        for (text, within_ten) in [("0..4", 0..4), ("3..10", 3..10), ("7..", 7..10), ("..2", 0..2)] {
            let range: FrameRange = text.parse().unwrap();
            assert_eq!(range.within(10), Some(within_ten), "{text}");
            assert_eq!(range.to_string().parse(), Ok(range));
        }
        for wrong in ["", "3", "4..4", "5..4", "a..b", "1..-2", "1...3", "1.5..3"] {
            assert!(wrong.parse::<FrameRange>().is_err(), "{wrong}");
        }
        for beyond in ["0..11", "10..", "12..14"] {
            assert_eq!(beyond.parse::<FrameRange>().unwrap().within(10), None, "{beyond}");
        }
    }
}
