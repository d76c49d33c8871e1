//! Where a film is cut into tasks.

use std::ops::Range;

use moue_film::{Piece, ShotFrames};

use crate::plan::{Phase, Sample, Work};

/// What a task should take. `benches/farm_simulation.py` says why: shorter ones spend their time on starting, longer ones
/// are lost to failures and leave machines idle at the end.
const TASK_SECONDS: u64 = 300;
/// Frames of a task where nothing was measured: a twenty-second piece, or five minutes at three seconds a frame.
const UNMEASURED: (u64, u64) = (500, 100);

/// How large tasks are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// Of some minutes each.
    #[default]
    Usual,
    /// About so many in each phase; pieces of the film are not divided for it.
    Tasks(u64),
    /// Of about so many frames.
    Frames(u64),
}

impl Split {
    /// How many frames a task has, of `total` that take `micros` each.
    fn frames(self, total: u64, micros: Option<u64>, unmeasured: u64) -> u64 {
        match self {
            Self::Tasks(tasks) => total.div_ceil(tasks.max(1)),
            Self::Frames(frames) => frames,
            Self::Usual => micros.map_or(unmeasured, |micros| TASK_SECONDS * 1_000_000 / micros.max(1)),
        }
        .max(1)
    }

    /// Ranges of shots' frames. They begin at multiples of the batch, so that frames that are painted together are the
    /// same ones however the film is split.
    pub(crate) fn paint(self, work: Work, wanted: &ShotFrames, batch: u64, sample: Option<&Sample>) -> Phase {
        let total = wanted.values().map(|frames| frames.len() as u64).sum();
        let (frames, batch) = (self.frames(total, sample.map(|sample| sample.paint), UNMEASURED.1), batch.max(1));
        // Where there is no multiple above, the last one there is.
        let frames = frames.checked_next_multiple_of(batch).unwrap_or(u64::MAX - u64::MAX % batch);
        let mut phase = Phase { work, shot: vec![], first: vec![], count: vec![], cost: vec![] };
        for (shot, wanted) in wanted {
            for run in wanted.chunk_by(|a, b| a + 1 == *b && b % frames != 0) {
                phase.shot.push(u32::try_from(*shot).unwrap_or(u32::MAX));
                phase.first.push(run[0]);
                phase.count.push(run.len() as u64);
                if let Some(sample) = sample {
                    phase.cost.push((sample.start + sample.paint * run.len() as u64) / 1000);
                }
            }
        }
        phase
    }

    /// Groups of pieces.
    pub(crate) fn film(self, pieces: &[Piece], sample: Option<&Sample>) -> Phase {
        let length = |frames: &Range<u64>| frames.end - frames.start;
        let total = pieces.iter().map(|piece| length(&piece.frames)).sum();
        let frames = self.frames(total, sample.map(|sample| sample.film), UNMEASURED.0);
        let mut phase = Phase { work: Work::Film, shot: vec![], first: vec![], count: vec![], cost: vec![] };
        let mut at = 0;
        while at < pieces.len() {
            // Pieces belong to the task that their middle falls into: what one is too long the next is short of.
            let slot = |piece: &Piece| (piece.frames.start + piece.frames.end) / 2 / frames;
            let count = pieces[at..].iter().take_while(|piece| slot(piece) == slot(&pieces[at])).count();
            let drawn: u64 = pieces[at..at + count].iter().map(|piece| length(&piece.frames)).sum();
            phase.first.push(at as u64);
            phase.count.push(count as u64);
            if let Some(sample) = sample {
                phase.cost.push((sample.start + sample.film * drawn) / 1000);
            }
            at += count;
        }
        phase
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(lengths: &[u64]) -> Vec<Piece> {
        let mut at = 0;
        let piece = |length: &u64| {
            at += length;
            Piece { frames: at - length..at, shots: vec![0], look: String::new() }
        };
        lengths.iter().map(piece).collect()
    }

    #[test]
    fn pieces_are_grouped_and_never_divided() {
        let film = pieces(&[500, 500, 20, 30, 500, 50]);
        let groups = |split: Split| split.film(&film, None).count;
        assert_eq!(groups(Split::Tasks(1)), [6]);
        assert_eq!(groups(Split::Frames(1)), [1, 1, 1, 1, 1, 1]);
        assert_eq!(groups(Split::Tasks(1000)), [1, 1, 1, 1, 1, 1]);
        assert_eq!(groups(Split::Tasks(3)).iter().sum::<u64>(), 6);
        assert!(groups(Split::Tasks(3)).len() <= 3 + 1);
        // Two seconds a frame: 150 frames are five minutes, less than most pieces here.
        let sample = Sample { frames: 3, start: 4_000_000, paint: 0, film: 2_000_000 };
        let phase = Split::Usual.film(&film, Some(&sample));
        assert_eq!(phase.first.len(), phase.cost.len());
        assert_eq!(phase.cost[0], 4_000 + 500 * 2_000);
        assert_eq!(phase.count.iter().sum::<u64>(), 6);
    }

    #[test]
    fn ranges_stay_in_their_shot_and_begin_at_batches() {
        let wanted = ShotFrames::from([(0, (0..100).collect()), (3, (0..7).collect()), (4, vec![5, 6, 9])]);
        let phase = Split::Frames(30).paint(Work::Paint, &wanted, 4, None);
        assert_eq!(phase.first, [0, 32, 64, 96, 0, 5, 9]);
        assert_eq!(phase.count, [32, 32, 32, 4, 7, 2, 1]);
        assert_eq!(phase.shot, [0, 0, 0, 0, 3, 4, 4]);
        assert!(phase.cost.is_empty());
        assert_eq!(Split::Frames(u64::MAX).paint(Work::Paint, &wanted, 2, None).count, [100, 7, 2, 1]);
        let sample = Sample { frames: 1, start: 10_000_000, paint: 5_000_000, film: 0 };
        let phase = Split::Usual.paint(Work::Paint, &wanted, 1, Some(&sample));
        assert_eq!(phase.count[..2], [60, 40]);
        assert_eq!(phase.cost[..2], [310_000, 210_000]);
    }
}
