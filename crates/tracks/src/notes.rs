//! Sentences about what a track is like.

use moue_timeline::{Channel, FlameChannel, FrameRate, Track};

use crate::ReadOptions;

/// Steps longer than this many usual ones are a gap.
const GAP_STEPS: f64 = 1.5;
/// Recordings have several rows per second; sparser tables are keys set by hand, or a mistake.
const SPARSE_STEP_SECONDS: f64 = 5.0;

/// Tells of rows that are missing from an otherwise regular track, and of a track with very few rows.
pub(crate) fn timing(times: &[f64], notes: &mut Vec<String>) {
    let mut steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if steps.is_empty() {
        notes.push("there is a single row: the expression is held".to_owned());
        return;
    }
    let duration = times[times.len() - 1] - times[0];
    let mean = duration / steps.len() as f64;
    if mean >= SPARSE_STEP_SECONDS {
        notes.push(format!(
            "the rate is very low: {} rows in {duration:.1} s, one every {mean:.1} s; values move slowly from one to \
             the next",
            times.len()
        ));
        return;
    }
    let longest = steps.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    let gap_start = longest.map_or(0.0, |(row, _)| times[row] - times[0]);
    steps.sort_by(f64::total_cmp);
    let median = steps[steps.len() / 2];
    let regular = steps.iter().filter(|step| (**step - median).abs() <= 0.25 * median).count();
    if regular * 10 < steps.len() * 8 {
        return;
    }
    let gaps = || steps.iter().filter(|step| **step > GAP_STEPS * median);
    let missing: u64 = gaps().map(|step| (step / median).round() as u64 - 1).sum();
    if missing > 0 {
        let rows = if missing == 1 { "row is" } else { "rows are" };
        notes.push(format!(
            "gaps: {missing} {rows} bridged; the longest gap lasts {:.2} s, from {gap_start:.2} s",
            steps[steps.len() - 1]
        ));
    }
}

/// Tells that the rate which the caller gave is not that of the file.
pub(crate) fn unused_rate(rate: FrameRate, options: ReadOptions, notes: &mut Vec<String>) {
    if let Some(given) = options.rate.filter(|given| *given != rate) {
        notes.push(format!("the file says {rate} frames per second: the given rate of {given} is not used"));
    }
}

/// Tells that a rate is of no use where there are times.
pub(crate) fn rate_beside_times(options: ReadOptions, notes: &mut Vec<String>) {
    if let Some(given) = options.rate {
        notes.push(format!("the file has times of its own: the given rate of {given} is not used"));
    }
}

/// Tells of ARKit coefficients far outside 0 to 1 and of jaws that turn further than a right angle; the values are kept.
pub(crate) fn implausible_values(track: &Track, notes: &mut Vec<String>) {
    if let Some((name, value)) = largest(track, |channel| matches!(channel, Channel::Shape(_)))
        && value > 2.0
    {
        let percent = if value > 10.0 && value <= 200.0 { "; these look like percent: divide by 100" } else { "" };
        notes.push(format!("values lie far outside 0 to 1: {name} reaches {value}{percent}"));
    }
    let is_jaw = |channel| matches!(channel, Channel::Flame(flame) if FlameChannel::JAW.contains(&flame.index()));
    if let Some((name, value)) = largest(track, is_jaw)
        && value > std::f32::consts::FRAC_PI_2
    {
        notes.push(format!("the jaw's angles are in radians: {name} reaches {value}, which looks like degrees"));
    }
}

/// The largest magnitude in the channels that `of` chooses, and where it is.
fn largest(track: &Track, of: impl Fn(Channel) -> bool) -> Option<(&'static str, f32)> {
    let columns = track.channels().iter().enumerate().filter(|(_, channel)| of(**channel));
    let magnitudes = columns.map(|(column, channel)| {
        let values = (0..track.times().len()).map(|row| track.row(row)[column].abs());
        (channel.name(), values.fold(0.0, f32::max))
    });
    magnitudes.max_by(|a, b| a.1.total_cmp(&b.1))
}
