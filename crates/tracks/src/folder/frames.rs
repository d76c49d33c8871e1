//! Frame numbers in names.

use std::cmp::Ordering;

use moue_timeline::FrameRate;

/// A piece of a name: digits or what lies between them.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Digits(&'a str),
    Text(&'a str),
}

fn pieces(name: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.bytes().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        pieces.push(if digits { Piece::Digits(piece) } else { Piece::Text(piece) });
        rest = after;
    }
    pieces
}

/// As people count: `2.npz` before `10.npz`.
pub(super) fn natural_order(a: &str, b: &str) -> Ordering {
    let (left, right) = (pieces(a), pieces(b));
    let order = left.iter().zip(&right).map(|pair| match pair {
        (Piece::Digits(a), Piece::Digits(b)) => {
            let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        }
        (Piece::Text(a), Piece::Text(b)) => a.cmp(b),
        (Piece::Digits(_), Piece::Text(_)) => Ordering::Less,
        (Piece::Text(_), Piece::Digits(_)) => Ordering::Greater,
    });
    let order = order.into_iter().find(|order| order.is_ne());
    // Names that count alike (`1`, `01`) still have an order.
    order.unwrap_or_else(|| left.len().cmp(&right.len())).then_with(|| a.cmp(b))
}

/// Which names are frames, in order, and their numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frames {
    /// Into the names.
    pub indices: Vec<usize>,
    /// Strictly rising; none where the names do not tell.
    numbers: Option<Vec<u64>>,
    /// How many names are further faces of a frame.
    others: usize,
}

impl Frames {
    /// `names` are in natural order. The first number that differs between them counts frames, a second one the faces
    /// in a frame.
    pub fn of(names: &[String]) -> Self {
        let consecutive = || Self { indices: (0..names.len()).collect(), numbers: None, others: 0 };
        let Some(keys) = counters(names) else { return consecutive() };
        let mut frames = Self { indices: Vec::new(), numbers: None, others: 0 };
        let mut numbers: Vec<u64> = Vec::new();
        for (index, (number, face)) in keys.into_iter().enumerate() {
            match numbers.last() {
                Some(last) if *last == number && face.is_some() => frames.others += 1,
                Some(last) if *last >= number => return consecutive(),
                _ => {
                    numbers.push(number);
                    frames.indices.push(index);
                }
            }
        }
        frames.numbers = Some(numbers);
        frames
    }

    /// Frame numbers from 0, and what a person should know about them. `longest_gap` is in seconds.
    pub fn numbers(&self, rate: FrameRate, longest_gap: f64, notes: &mut Vec<String>) -> Vec<u64> {
        if self.others > 0 {
            notes.push(format!("{} frames more are further faces: the first of each frame is used", self.others));
        }
        let consecutive = (0..self.indices.len() as u64).collect();
        let Some(numbers) = &self.numbers else {
            notes.push("the names have no frame numbers: taken one frame after the other".to_owned());
            return consecutive;
        };
        let mut steps: Vec<u64> = numbers.windows(2).map(|pair| pair[1] - pair[0]).collect();
        steps.sort_unstable();
        if steps.last().is_some_and(|step| rate.seconds_at(*step) > longest_gap) {
            notes.push("the numbers in the names jump: taken one frame after the other".to_owned());
            return consecutive;
        }
        if let Some(step) = steps.first().filter(|step| **step > 1) {
            notes.push(format!("the numbers in the names rise by {step} or more: taken for numbers of frames"));
        }
        let first = numbers.first().copied().unwrap_or_default();
        numbers.iter().map(|number| number - first).collect()
    }
}

/// The first two numbers that differ between the names; none where the names differ otherwise.
fn counters(names: &[String]) -> Option<Vec<(u64, Option<u64>)>> {
    let all: Vec<Vec<Piece<'_>>> = names.iter().map(|name| pieces(name)).collect();
    let first = all.first()?;
    let mut counting = vec![false; first.len()];
    for other in &all {
        if other.len() != first.len() {
            return None;
        }
        for (counts, pair) in counting.iter_mut().zip(first.iter().zip(other)) {
            match pair {
                (Piece::Digits(a), Piece::Digits(b)) => *counts |= a != b,
                (a, b) if a != b => return None,
                _ => {}
            }
        }
    }
    let mut counting: Vec<usize> = (0..counting.len()).filter(|piece| counting[*piece]).collect();
    if counting.is_empty() {
        // A single name: its first number, if any.
        counting.extend(first.iter().position(|piece| matches!(piece, Piece::Digits(_))));
    }
    let number = |pieces: &[Piece<'_>], at: usize| match &pieces[at] {
        Piece::Digits(digits) => digits.parse().ok(),
        Piece::Text(_) => None,
    };
    all.iter()
        .map(|pieces| match counting[..] {
            [frame] => Some((number(pieces, frame)?, None)),
            [frame, face] => Some((number(pieces, frame)?, Some(number(pieces, face)?))),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(names: &[&str]) -> (Vec<usize>, Vec<u64>, Vec<String>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let frames = Frames::of(&names);
        let mut notes = Vec::new();
        let numbers = frames.numbers(FrameRate::FPS_30, 3600.0, &mut notes);
        (frames.indices, numbers, notes)
    }

    #[test]
    fn numbers_are_counted_from_the_first() {
        let none = Vec::<String>::new();
        assert_eq!(frames(&["7.npz", "8.npz", "11.npz"]), (vec![0, 1, 2], vec![0, 1, 4], none.clone()));
        assert_eq!(frames(&["take2_0007", "take2_0008"]), (vec![0, 1], vec![0, 1], none.clone()));
        assert_eq!(frames(&["take2_0007"]), (vec![0], vec![0], none));
        let rise = "the numbers in the names rise by 5 or more: taken for numbers of frames";
        assert_eq!(frames(&["f0", "f5", "f10"]), (vec![0, 1, 2], vec![0, 5, 10], vec![rise.to_owned()]));
    }

    #[test]
    fn of_several_faces_the_first_is_used() {
        let names = ["000001_000", "000001_001", "000002_000", "000004_000"];
        let note = "1 frames more are further faces: the first of each frame is used";
        assert_eq!(frames(&names), (vec![0, 2, 3], vec![0, 1, 3], vec![note.to_owned()]));
        let alone = ["000001_000", "000002_000"];
        assert_eq!(frames(&alone), (vec![0, 1], vec![0, 1], Vec::new()));
    }

    #[test]
    fn names_that_do_not_count_follow_each_other() {
        let unnumbered = "the names have no frame numbers: taken one frame after the other";
        for names in [&["a", "b", "c"][..], &["1", "2", "x3"], &["1", "01", "2"], &["1_2_3", "2_3_4", "3_4_5"]] {
            assert_eq!(frames(names), (vec![0, 1, 2], vec![0, 1, 2], vec![unnumbered.to_owned()]), "{names:?}");
        }
        let jump = "the numbers in the names jump: taken one frame after the other";
        assert_eq!(frames(&["1", "2", "1700000000"]), (vec![0, 1, 2], vec![0, 1, 2], vec![jump.to_owned()]));
        let huge = ["9".repeat(30), "9".repeat(31)];
        let huge: Vec<&str> = huge.iter().map(String::as_str).collect();
        assert_eq!(frames(&huge).2, [unnumbered]);
    }

    proptest! {
        #[test]
        fn the_order_is_an_order(names in prop::collection::vec("[0-9a_.é]{0,6}", 3)) {
            let mut sorted = names.clone();
            sorted.sort_by(|a, b| natural_order(a, b));
            for pair in sorted.windows(2) {
                prop_assert!(natural_order(&pair[0], &pair[1]).is_le());
                prop_assert_eq!(natural_order(&pair[1], &pair[0]).is_eq(), pair[0] == pair[1]);
            }
        }

        #[test]
        fn numbers_come_in_order(mut numbers in prop::collection::vec(0u64..100_000, 1..20)) {
            numbers.sort_unstable();
            numbers.dedup();
            let mut names: Vec<String> = numbers.iter().map(|number| format!("frame{number}.npz")).collect();
            names.sort();
            names.sort_by(|a, b| natural_order(a, b));
            let expected: Vec<u64> = numbers.iter().map(|number| number - numbers[0]).collect();
            prop_assert_eq!(Frames::of(&names).numbers(FrameRate::FPS_30, f64::MAX, &mut Vec::new()), expected);
        }
    }
}
