//! Which frames are learned from and which are held back.

use moue_timeline::Track;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// To learn from; in one of [`FOLDS`] parts, each of which is once kept aside to choose the strength of the ridge.
    Training(usize),
    /// To measure the error on, and for nothing else.
    HeldBack,
    /// Next to a held-back frame, and too much like it to be learned from.
    Unused,
}

/// Parts of the training frames.
pub(crate) const FOLDS: usize = 4;

/// Every so many blocks, one is held back.
const HELD_BACK_EVERY: u64 = 5;
/// Seconds; shorter where the recordings are short.
const LONGEST_BLOCK: f64 = 2.0;
/// Recordings are cut into as many blocks at least.
const LEAST_BLOCKS: f64 = 40.0;
/// Of a block, this share next to a held-back one is not used.
const GUARD: f64 = 0.1;

/// The roles of all frames, track after track.
///
/// Tracks are cut into blocks of time, and every fifth block is held back. A face moves little from frame to frame: with
/// a choice frame by frame, each held-back frame would have a neighbour on both sides that was learned from, all but
/// equal to it, and its error would tell how well a map remembers and not how well it predicts. The frames next to a
/// held-back block are left out for the same reason. The choice depends on the times alone.
pub(crate) fn roles(tracks: &[&Track]) -> Vec<Role> {
    let total: f64 = tracks.iter().map(|track| track.duration()).sum();
    let block = (total / LEAST_BLOCKS).min(LONGEST_BLOCK);
    let mut roles = Vec::new();
    let mut first_block: u64 = 0;
    let held_back = |block: u64| block % HELD_BACK_EVERY == HELD_BACK_EVERY - 1;
    for track in tracks {
        // Seconds in blocks; a single key is in block 0 (0 / 0 is below every number). Casts saturate.
        let place = |time: f64| ((time - track.times()[0]) / block).max(0.0);
        let count = (place(track.times()[track.times().len() - 1]) as u64).saturating_add(1);
        for time in track.times() {
            let place = place(*time);
            let index = place as u64;
            let within = place - index as f64;
            let number = first_block.saturating_add(index);
            let beside_held_back = (within < GUARD && index > 0 && held_back(number - 1))
                || (within > 1.0 - GUARD && index < count - 1 && held_back(number.saturating_add(1)));
            roles.push(if held_back(number) {
                Role::HeldBack
            } else if beside_held_back {
                Role::Unused
            } else {
                Role::Training(((number - number / HELD_BACK_EVERY) % FOLDS as u64) as usize)
            });
        }
        first_block = first_block.saturating_add(count);
    }
    roles
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_timeline::{Channel, Shape};

    fn track(seconds: f64) -> Track {
        let times: Vec<f64> = (0..(seconds * 25.0) as usize).map(|row| row as f64 / 25.0).collect();
        let values = vec![0.0; times.len()];
        Track::new(vec![Channel::Shape(Shape::JawOpen)], times, values).unwrap()
    }

    #[test]
    fn a_fifth_is_held_back_in_blocks_with_room_around() {
        let track = track(200.0);
        let roles = roles(&[&track]);
        let count = |role: fn(&Role) -> bool| roles.iter().filter(|r| role(r)).count();
        assert_eq!(count(|role| *role == Role::HeldBack), 1000);
        for fold in 0..FOLDS {
            let frames = roles.iter().filter(|role| **role == Role::Training(fold)).count();
            assert!((850..=1000).contains(&frames), "{frames} frames in part {fold}");
        }
        // Runs of held-back frames are whole blocks, 0.2 s from what is learned from.
        let held: Vec<usize> = (0..roles.len()).filter(|row| roles[*row] == Role::HeldBack).collect();
        for (row, role) in roles.iter().enumerate().filter(|(_, role)| matches!(role, Role::Training(_))) {
            let nearest = held.iter().map(|held| held.abs_diff(row)).min().unwrap();
            assert!(nearest > 4, "{row} {role:?} is {nearest} frames from a held-back one");
        }
        assert!(held.windows(2).filter(|pair| pair[1] != pair[0] + 1).count() == 19);
    }

    #[test]
    fn short_recordings_are_split_too_and_blocks_go_on_from_track_to_track() {
        let short: Vec<Track> = (0..30).map(|_| track(1.0)).collect();
        let roles = roles(&short.iter().collect::<Vec<_>>());
        assert_eq!(roles.len(), 750);
        let held = roles.iter().filter(|role| **role == Role::HeldBack).count();
        assert!((100..200).contains(&held), "{held}");
        assert_eq!(super::roles(&[&track(0.04)]), [Role::Training(0)]);
    }

    #[test]
    fn endless_recordings_are_no_trouble() {
        let far = Track::new(vec![Channel::Shape(Shape::JawOpen)], vec![0.0, 1.0, 1e300], vec![0.0; 3]).unwrap();
        assert_eq!(roles(&[&far, &far]).len(), 6);
    }
}
