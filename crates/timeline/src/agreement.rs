//! Two tracks of one motion compared.

use crate::{Channel, Interpolation, PairMoments, Track};

/// How far one track may come after the other, seconds.
const MAX_LAG: f64 = 0.5;
/// Keys that are nearer than this are not looked at one by one.
const MIN_STEP: f64 = 1.0 / 240.0;
/// What two tracks have to share for a lag to mean anything.
const MIN_SAMPLES: usize = 16;

/// How one channel of a track follows the same channel of another.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// Which one.
    pub channel: Channel,
    /// Ranges, correlation, slope and error at the same instants.
    pub moments: PairMoments,
    /// When it follows best; none for a channel that does not move, and for tracks that share less than 16 samples.
    pub lag: Option<Lag>,
}

/// By how much a channel comes late, and how well it follows then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    /// Positive where the second track is later, -0.5 to 0.5, finer than the tracks' keys.
    pub seconds: f64,
    /// Pearson's correlation with the second track moved back by that, on the keys' grid.
    pub correlation: f64,
}

impl Track {
    /// Compares the channels that both tracks have: this one is what was asked for, the other what was measured.
    ///
    /// Both are sampled by straight lines at even steps, the usual step of the one with denser keys, over the time that
    /// both cover. The lag is where Pearson's correlation over the samples that the two share is largest, within half a
    /// second, with the vertex of the parabola through the best step and its neighbours between the steps. A lag at the
    /// end of that range has no neighbour: there, the tracks may be farther apart.
    pub fn agreement(&self, measured: &Track) -> Vec<Agreement> {
        let Some(grid) = Grid::of(self, measured) else { return Vec::new() };
        let columns = self.channels().iter().enumerate();
        let pairs: Vec<(usize, usize)> =
            columns.filter_map(|(own, channel)| Some((own, measured.column(*channel)?))).collect();
        let asked = grid.sample(self, pairs.iter().map(|pair| pair.0));
        let found = grid.sample(measured, pairs.iter().map(|pair| pair.1));
        let agreement = pairs.iter().zip(asked.iter().zip(&found)).map(|((own, _), (asked, found))| {
            let mut moments = PairMoments::new();
            asked.iter().zip(found).for_each(|(asked, found)| moments.add(*asked, *found));
            let lag = moments.correlation().and_then(|_| best_lag(asked, found, grid.step));
            Agreement { channel: self.channels()[*own], moments, lag }
        });
        agreement.collect()
    }
}

/// Even steps over the time that two tracks share.
struct Grid {
    start: f64,
    step: f64,
    rows: usize,
}

impl Grid {
    /// None where the tracks share no instant.
    fn of(a: &Track, b: &Track) -> Option<Self> {
        let end = |track: &Track| track.times()[track.times().len() - 1];
        let (start, end) = (a.times()[0].max(b.times()[0]), end(a).min(end(b)));
        if start > end {
            return None;
        }
        let step = a.step().into_iter().chain(b.step()).fold(f64::INFINITY, f64::min).max(MIN_STEP);
        // The smaller of the two steps, so no more rows than keys but where a track has gaps; those are not endless.
        let most = 2 * (a.times().len() + b.times().len());
        let rows = (((end - start) / step + 1e-6).floor() as usize).saturating_add(1);
        let step = if rows > most { (end - start) / most as f64 } else { step };
        Some(Self { start, step, rows: rows.min(most) })
    }

    /// Some columns of a track, one list of samples each.
    fn sample(&self, track: &Track, columns: impl ExactSizeIterator<Item = usize> + Clone) -> Vec<Vec<f64>> {
        let mut samples = vec![Vec::with_capacity(self.rows); columns.len()];
        let mut row = Vec::new();
        for index in 0..self.rows {
            row.clear();
            track.sample_into(self.start + index as f64 * self.step, Interpolation::Linear, &mut row);
            for (samples, column) in samples.iter_mut().zip(columns.clone()) {
                samples.push(f64::from(row[column]));
            }
        }
        samples
    }
}

fn best_lag(asked: &[f64], found: &[f64], step: f64) -> Option<Lag> {
    if asked.len() < MIN_SAMPLES {
        return None;
    }
    // Half of the samples stay in common.
    let farthest = ((MAX_LAG / step + 1e-6) as usize).min(asked.len() / 2) as isize;
    let (asked, found) = (Sums::of(asked), Sums::of(found));
    let correlations: Vec<Option<f64>> = (-farthest..=farthest).map(|shift| asked.correlation(&found, shift)).collect();
    // Of equals, the smallest lag.
    let order = |index: usize| (index as isize - farthest).unsigned_abs();
    let known = correlations.iter().enumerate().filter_map(|(index, value)| value.map(|value| (index, value)));
    let (best, correlation) = known.max_by(|a, b| a.1.total_cmp(&b.1).then(order(b.0).cmp(&order(a.0))))?;
    let neighbour = |index: Option<usize>| index.and_then(|index| correlations.get(index).copied().flatten());
    let offset = match (neighbour(best.checked_sub(1)), neighbour(Some(best + 1))) {
        (Some(before), Some(after)) => vertex(before, correlation, after),
        _ => 0.0,
    };
    Some(Lag { seconds: (best as f64 - farthest as f64 + offset) * step, correlation })
}

/// Where the parabola through three values at -1, 0 and 1 has its top, if the middle one is the largest.
fn vertex(before: f64, middle: f64, after: f64) -> f64 {
    let curvature = before - 2.0 * middle + after;
    if curvature < 0.0 { (0.5 * (before - after) / curvature).clamp(-0.5, 0.5) } else { 0.0 }
}

/// Samples about their mean, and their sums up to each of them, so that any part's mean and variance are at hand.
struct Sums {
    values: Vec<f64>,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Sums {
    fn of(samples: &[f64]) -> Self {
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        let values: Vec<f64> = samples.iter().map(|value| value - mean).collect();
        let (mut sums, mut squares) = (vec![0.0], vec![0.0]);
        let (mut sum, mut square) = (0.0, 0.0);
        for value in &values {
            sum += value;
            square += value * value;
            sums.push(sum);
            squares.push(square);
        }
        Self { values, sums, squares }
    }

    /// Of these samples with others taken `shift` later; none where either rests.
    fn correlation(&self, other: &Self, shift: isize) -> Option<f64> {
        let n = self.values.len();
        let (start, other_start) = ((-shift).max(0) as usize, shift.max(0) as usize);
        let count = n - start.max(other_start);
        let product: f64 =
            self.values[start..][..count].iter().zip(&other.values[other_start..][..count]).map(|(a, b)| a * b).sum();
        let part = |of: &Self, start: usize| {
            let sum = of.sums[start + count] - of.sums[start];
            let square = of.squares[start + count] - of.squares[start];
            (sum, square - sum * sum / count as f64)
        };
        let ((sum, variance), (other_sum, other_variance)) = (part(self, start), part(other, other_start));
        // What rounding leaves of nothing is no movement.
        let moves = variance > 1e-9 * count as f64 && other_variance > 1e-9 * count as f64;
        moves.then(|| (product - sum * other_sum / count as f64) / (variance * other_variance).sqrt())
    }
}

#[cfg(test)]
#[path = "agreement_tests.rs"]
mod tests;
