//! Pieces of decoded sound laid end to end on a line of samples that starts at time 0.

/// How far a piece's time may be from where the line is before that counts as a gap or an overlap, in seconds.
/// Containers that count milliseconds round by half of one, and some count in packets.
const TOLERANCE: f64 = 0.005;

/// Where the line has got to.
#[derive(Debug)]
pub(super) struct Line {
    /// Samples per second.
    rate: f64,
    /// Bytes of one sample of all channels.
    unit: usize,
    /// Samples laid so far.
    length: u64,
}

impl Line {
    pub(super) fn new(rate: u32, unit: usize) -> Self {
        Self { rate: f64::from(rate), unit: unit.max(1), length: 0 }
    }

    /// Samples laid so far.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What is to follow for a piece that begins at `time` (in nanoseconds) and is to be laid up to sample `end`:
    /// silence where there is a gap before it, and its own samples without those that overlap the line or lie before
    /// its start. Bytes of both.
    pub(super) fn lay<'a>(&mut self, time: i64, piece: &'a [u8], end: u64) -> (usize, &'a [u8]) {
        let count = (piece.len() / self.unit) as i64;
        let piece = &piece[..count as usize * self.unit];
        let laid = self.length as i64;
        let begins = time as f64 * 1e-9 * self.rate;
        let is_next = self.length > 0 && (begins - laid as f64).abs() <= TOLERANCE * self.rate;
        let begins = if is_next { laid } else { begins.round() as i64 };
        let room = i64::try_from(end).unwrap_or(i64::MAX).saturating_sub(laid).max(0);
        let gap = begins.saturating_sub(laid).clamp(0, room);
        let skipped = laid.saturating_sub(begins).clamp(0, count);
        let taken = (count - skipped).min(room - gap);
        self.length += (gap + taken) as u64;
        let from = skipped as usize * self.unit;
        (gap as usize * self.unit, &piece[from..from + taken as usize * self.unit])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lays pieces whose sample `i` is the byte `i % 251`, so that what lands where can be seen.
    fn lay(line: &mut Line, laid: &mut Vec<u8>, time: i64, range: std::ops::Range<u64>, end: u64) {
        let piece: Vec<u8> = range.map(|i| (i % 251) as u8).collect();
        let (silence, samples) = line.lay(time, &piece, end);
        laid.extend(std::iter::repeat_n(255, silence));
        laid.extend_from_slice(samples);
    }

    proptest! {
        #[test]
        fn rounded_times_change_nothing(
            lengths in prop::collection::vec(1..3000u64, 1..40),
            jitter in prop::collection::vec(-500_000..500_000i64, 40),
            end in 0..60_000u64,
        ) {
            let (mut line, mut laid, mut at) = (Line::new(48_000, 1), Vec::new(), 0u64);
            for (length, jitter) in lengths.iter().zip(jitter) {
                let time = (at as f64 / 48_000.0 * 1e9).round() as i64 + if at == 0 { 0 } else { jitter };
                lay(&mut line, &mut laid, time, at..at + length, end);
                at += length;
            }
            let expected: Vec<u8> = (0..at.min(end)).map(|i| (i % 251) as u8).collect();
            prop_assert_eq!(line.length(), expected.len() as u64);
            prop_assert_eq!(laid, expected);
        }

        #[test]
        fn samples_land_at_their_times(
            starts in prop::collection::vec((-20_000..80_000i64, 1..4000u64), 1..12),
            end in 0..60_000u64,
        ) {
            let (mut line, mut laid) = (Line::new(48_000, 1), Vec::new());
            let mut spans = Vec::new();
            for (start, length) in starts {
                let time = (start as f64 / 48_000.0 * 1e9).round() as i64;
                // Sample i of the line has the number i + 20000.
                let first = (start + 20_000) as u64;
                lay(&mut line, &mut laid, time, first..first + length, end);
                spans.push((start, length));
            }
            prop_assert!(laid.len() as u64 <= end);
            prop_assert_eq!(laid.len() as u64, line.length());
            for (i, value) in laid.iter().enumerate() {
                // Silence, or the sample of that time, give or take the tolerance.
                let near = |slack: i64| (i as i64 + 20_000 + slack).rem_euclid(251) as u8;
                prop_assert!(*value == 255 || (-240..=240).any(|slack| near(slack) == *value), "{i}: {value}");
            }
        }
    }

    #[test]
    fn gaps_are_silent_and_overlaps_are_said_once() {
        let (mut line, mut laid) = (Line::new(1000, 1), Vec::new());
        lay(&mut line, &mut laid, -3_000_000, 0..10, 100);
        assert_eq!(laid, [3, 4, 5, 6, 7, 8, 9]);
        lay(&mut line, &mut laid, 17_000_000, 17..20, 100);
        assert_eq!(laid[7..], [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 17, 18, 19]);
        lay(&mut line, &mut laid, 10_000_000, 10..22, 21);
        assert_eq!(laid[20..], [20]);
        lay(&mut line, &mut laid, 50_000_000, 50..52, 21);
        assert_eq!(laid.len(), 21);
    }

    #[test]
    fn samples_of_several_bytes_stay_whole() {
        let mut line = Line::new(1000, 8);
        assert_eq!(line.lay(2_000_000, &[1; 27], 10), (16, &[1; 24][..]));
        assert_eq!(line.length(), 5);
    }
}
