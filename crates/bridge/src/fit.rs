//! Learning a map from recordings that both trackers have seen.

use moue_timeline::{Channel, Track};

use crate::ridge::{Matrix, Regression, Solution};
use crate::split::{FOLDS, Role, roles};
use crate::{Affine, BridgeError, Family, LinearMap, Score, Source};

/// One recording, seen by both trackers.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// What it is called in messages and in the map.
    pub name: &'a str,
    /// Hash of the recording, for the map; any text.
    pub hash: &'a str,
    /// ARKit coefficients; other channels are not looked at.
    pub arkit: &'a Track,
    /// FLAME's coefficients at the same times; other channels are not looked at.
    pub flame: &'a Track,
}

/// Times of a pair may differ by this, seconds.
const SAME_TIME: f64 = 1e-3;
/// Four seconds of it.
const LEAST_FRAMES: usize = 200;

/// What the ridge's strength is chosen from, relative to the inputs' variance. An output that all of them predict worse
/// than its mean is its mean.
const STRENGTHS: [f64; 8] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0];

/// Learns maps in both directions by ridge regression with bias.
///
/// - Channels: those that all recordings have.
/// - A fifth of the frames is held back, in blocks of two seconds (less where there is less than 80 s in all), and
///   nothing is learned from it, nor from a tenth of a block around. The choice depends on the times alone.
/// - The ridge's strength is chosen for each output alone, by the error on a quarter of the training blocks of a map
///   that was learned from the other three, over all four quarters.
/// - ARKit's coefficients lie within 0 to 1 and mostly rest at 0. A prediction is cut off at both ends, which brings it
///   nearer to every value within them, and is learned knowing that: where a coefficient rests at 0, a prediction below
///   0 is no error. Weights may be negative: expression components have signs, and one end of a component is a smile
///   where the other is a frown.
/// - The scores are those of the cut-off predictions on the held-back frames.
///
/// # Errors
/// Where a pair's times differ, its channels are of the wrong family, or there are too few frames.
pub fn fit(pairs: &[Pair<'_>]) -> Result<LinearMap, BridgeError> {
    let arkit = common_channels(pairs, Family::Arkit)?;
    let flame = common_channels(pairs, Family::Flame)?;
    for pair in pairs {
        check_times(pair)?;
    }
    let tracks: Vec<&Track> = pairs.iter().map(|pair| pair.arkit).collect();
    let roles = roles(&tracks);
    let training = roles.iter().filter(|role| matches!(role, Role::Training(_))).count();
    let held_back = roles.iter().filter(|role| **role == Role::HeldBack).count();
    let least = LEAST_FRAMES.max(2 * (arkit.len().max(flame.len()) + 1));
    if training < least || held_back == 0 {
        return Err(BridgeError::TooFewFrames { frames: training, least });
    }
    let shapes = matrix(pairs.iter().map(|pair| pair.arkit), &arkit);
    let coefficients = matrix(pairs.iter().map(|pair| pair.flame), &flame);
    let sources = pairs.iter().map(|pair| Source {
        name: pair.name.to_owned(),
        hash: pair.hash.to_owned(),
        frames: pair.arkit.times().len() as u64,
    });
    Ok(LinearMap {
        to_flame: Some(affine(&arkit, &shapes, &flame, &coefficients, &roles, Family::Flame)),
        to_arkit: Some(affine(&flame, &coefficients, &arkit, &shapes, &roles, Family::Arkit)),
        sources: sources.collect(),
        training_frames: training as u64,
        held_back_frames: held_back as u64,
    })
}

fn common_channels(pairs: &[Pair<'_>], family: Family) -> Result<Vec<Channel>, BridgeError> {
    let mut common: Vec<Channel> = Channel::all().filter(|channel| Family::of(*channel) == Some(family)).collect();
    for pair in pairs {
        let track = match family {
            Family::Arkit => pair.arkit,
            Family::Flame => pair.flame,
        };
        common.retain(|channel| track.has_channel(*channel));
        if common.is_empty() {
            let problem = format!("no {family} channel is in this recording and in those before it");
            return Err(BridgeError::Pair { name: pair.name.to_owned(), problem });
        }
    }
    Ok(common)
}

fn check_times(pair: &Pair<'_>) -> Result<(), BridgeError> {
    let (arkit, flame) = (pair.arkit.times(), pair.flame.times());
    let problem = if arkit.len() == flame.len() {
        let apart = |row: &usize| (arkit[*row] - flame[*row]).abs() > SAME_TIME;
        let row = (0..arkit.len()).find(apart);
        row.map(|row| format!("frame {row} is at {} s in one track and at {} s in the other", arkit[row], flame[row]))
    } else {
        Some(format!("one track has {} frames and the other {}", arkit.len(), flame.len()))
    };
    problem.map_or(Ok(()), |problem| Err(BridgeError::Pair { name: pair.name.to_owned(), problem }))
}

fn matrix<'a>(tracks: impl Iterator<Item = &'a Track>, channels: &[Channel]) -> Matrix {
    let mut matrix = Matrix::new(channels.len());
    for track in tracks {
        let columns: Vec<usize> = channels.iter().filter_map(|channel| track.column(*channel)).collect();
        for row in 0..track.times().len() {
            matrix.values.extend(columns.iter().map(|column| f64::from(track.row(row)[*column])));
        }
    }
    matrix
}

fn affine(inputs: &[Channel], x: &Matrix, outputs: &[Channel], y: &Matrix, roles: &[Role], to: Family) -> Affine {
    let strengths = choose_strengths(x, y, roles, to);
    let training = |row: usize| matches!(roles[row], Role::Training(_));
    let (train_x, train_y) = (x.select(training), y.select(training));
    let regression = Regression::new(&train_x);
    let solvers = STRENGTHS.map(|strength| strengths.contains(&strength).then(|| regression.at(strength)));
    let solve = |output: usize| {
        let targets: Vec<f64> = train_y.rows().map(|row| row[output]).collect();
        let solver =
            STRENGTHS.iter().position(|strength| *strength == strengths[output]).and_then(|at| solvers[at].as_ref());
        match solver {
            None => mean_of(&targets, inputs.len()),
            Some(solver) if to == Family::Arkit => solver.solve_bounded(&targets),
            Some(solver) => solver.solve(&regression.correlate(&targets)),
        }
    };
    let solutions: Vec<Solution> = (0..outputs.len()).map(solve).collect();

    let held_back = |row: usize| roles[row] == Role::HeldBack;
    let (held_x, held_y) = (x.select(held_back), y.select(held_back));
    let score_of = |output: usize, predict: &dyn Fn(&[f64]) -> f64| {
        score(held_x.rows().zip(held_y.rows()).map(|(inputs, outputs)| (limited(to, predict(inputs)), outputs[output])))
    };
    let scores =
        solutions.iter().enumerate().map(|(output, solution)| Some(score_of(output, &|row| solution.predict(row))));
    let rules = to.rules();
    let rule_scores = outputs.iter().enumerate().map(|(output, channel)| {
        let rule =
            rules.iter().find(|rule| rule.output == *channel && rule.inputs().any(|input| inputs.contains(&input)))?;
        let value = |row: &[f64], input: Channel| {
            inputs.iter().position(|other| *other == input).map_or(0.0, |column| row[column] as f32)
        };
        Some(score_of(output, &|row| f64::from(rule.apply(|input| value(row, input)))))
    });
    Affine {
        scores: scores.collect(),
        rule_scores: rule_scores.collect(),
        weights: (0..inputs.len())
            .flat_map(|input| solutions.iter().map(move |solution| solution.weights[input]))
            .collect(),
        bias: solutions.iter().map(|solution| solution.bias).collect(),
        inputs: inputs.to_vec(),
        outputs: outputs.to_vec(),
    }
}

/// For each output the strength with the least error over all parts of the training frames, each predicted from the
/// others; infinite where the mean does better.
fn choose_strengths(x: &Matrix, y: &Matrix, roles: &[Role], to: Family) -> Vec<f64> {
    let mut errors = vec![[0.0; STRENGTHS.len() + 1]; y.columns];
    for fold in 0..FOLDS {
        let learned = |row: usize| matches!(roles[row], Role::Training(other) if other != fold);
        let tried = |row: usize| roles[row] == Role::Training(fold);
        let (train_x, train_y) = (x.select(learned), y.select(learned));
        let (try_x, try_y) = (x.select(tried), y.select(tried));
        let regression = Regression::new(&train_x);
        let solvers = STRENGTHS.map(|strength| regression.at(strength));
        for (output, errors) in errors.iter_mut().enumerate() {
            let targets: Vec<f64> = train_y.rows().map(|row| row[output]).collect();
            let correlated = regression.correlate(&targets);
            let solutions =
                solvers.iter().map(|solver| solver.solve(&correlated)).chain([mean_of(&targets, x.columns)]);
            for (error, solution) in errors.iter_mut().zip(solutions) {
                let pairs = try_x.rows().zip(try_y.rows());
                *error += pairs
                    .map(|(inputs, outputs)| (limited(to, solution.predict(inputs)) - outputs[output]).powi(2))
                    .sum::<f64>();
            }
        }
    }
    let best = |errors: &[f64; STRENGTHS.len() + 1]| {
        let best = (0..errors.len()).min_by(|a, b| errors[*a].total_cmp(&errors[*b]));
        best.and_then(|best| STRENGTHS.get(best).copied()).unwrap_or(f64::INFINITY)
    };
    errors.iter().map(best).collect()
}

fn mean_of(targets: &[f64], inputs: usize) -> Solution {
    Solution { weights: vec![0.0; inputs], bias: targets.iter().sum::<f64>() / targets.len().max(1) as f64 }
}

fn limited(to: Family, value: f64) -> f64 {
    if to == Family::Arkit { value.clamp(0.0, 1.0) } else { value }
}

/// Of (predicted, true) pairs.
fn score(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Score {
    let count = pairs.clone().count().max(1) as f64;
    let mean = pairs.clone().map(|(_, value)| value).sum::<f64>() / count;
    let variance = pairs.clone().map(|(_, value)| (value - mean).powi(2)).sum::<f64>() / count;
    let error = pairs.map(|(predicted, value)| (predicted - value).powi(2)).sum::<f64>() / count;
    Score { rmse: error.sqrt(), r2: (variance > 1e-8).then(|| 1.0 - error / variance) }
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
