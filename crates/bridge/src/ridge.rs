//! Ridge regression with bias, for many outputs at once.

/// Rows of values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matrix {
    pub columns: usize,
    /// Row-major.
    pub values: Vec<f64>,
}

impl Matrix {
    pub fn new(columns: usize) -> Self {
        Self { columns, values: Vec::new() }
    }

    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
        self.values.chunks_exact(self.columns.max(1))
    }

    pub fn row_count(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }

    /// The chosen rows, in order.
    pub fn select(&self, chosen: impl Fn(usize) -> bool) -> Self {
        let rows = self.rows().enumerate().filter(|(row, _)| chosen(*row));
        Self { columns: self.columns, values: rows.flat_map(|(_, row)| row.iter().copied()).collect() }
    }

    fn means(&self) -> Vec<f64> {
        let mut means = vec![0.0; self.columns];
        for row in self.rows() {
            means.iter_mut().zip(row).for_each(|(mean, value)| *mean += value);
        }
        let count = self.row_count().max(1) as f64;
        means.into_iter().map(|sum| sum / count).collect()
    }
}

/// Inputs that vary less than this are constants: they tell nothing, and their weight would be noise.
const MIN_DEVIATION: f64 = 1e-4;

/// Inputs that are ready to be regressed on, at any strength.
///
/// Inputs are taken about their means and in units of their standard deviation, so that one strength fits all; weights
/// are given for the inputs as they are. The bias is not penalised.
pub(crate) struct Regression {
    /// Standardised.
    inputs: Matrix,
    means: Vec<f64>,
    deviations: Vec<f64>,
    /// Of the standardised inputs: X'X.
    gram: Matrix,
}

/// The right side of the normal equations for one output.
pub(crate) struct Correlated {
    mean: f64,
    products: Vec<f64>,
}

/// What a regression found for one output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Solution {
    /// For the inputs as they are.
    pub weights: Vec<f64>,
    pub bias: f64,
}

impl Solution {
    pub fn predict(&self, row: &[f64]) -> f64 {
        self.bias + row.iter().zip(&self.weights).map(|(value, weight)| value * weight).sum::<f64>()
    }
}

impl Regression {
    pub fn new(inputs: &Matrix) -> Self {
        let means = inputs.means();
        let mut variances = vec![0.0; inputs.columns];
        for row in inputs.rows() {
            for ((variance, value), mean) in variances.iter_mut().zip(row).zip(&means) {
                *variance += (value - mean).powi(2);
            }
        }
        let count = inputs.row_count().max(1) as f64;
        let deviations: Vec<f64> = variances.iter().map(|variance| (variance / count).sqrt()).collect();
        let standardised = |row: &[f64]| {
            let values = row.iter().zip(&means).zip(&deviations);
            values.map(|((v, mean), sd)| if *sd < MIN_DEVIATION { 0.0 } else { (v - mean) / sd }).collect::<Vec<_>>()
        };
        let standard = Matrix { columns: inputs.columns, values: inputs.rows().flat_map(standardised).collect() };
        let mut gram = Matrix { columns: inputs.columns, values: vec![0.0; inputs.columns * inputs.columns] };
        for row in standard.rows() {
            for (i, a) in row.iter().enumerate() {
                for (sum, b) in gram.values[i * inputs.columns..][..=i].iter_mut().zip(row) {
                    *sum += a * b;
                }
            }
        }
        Self { inputs: standard, means, deviations, gram }
    }

    /// What the inputs have in common with one output's values, one for each row: the same at any strength.
    pub fn correlate(&self, targets: &[f64]) -> Correlated {
        let mean = targets.iter().sum::<f64>() / targets.len().max(1) as f64;
        let mut products = vec![0.0; self.inputs.columns];
        for (row, target) in self.inputs.rows().zip(targets) {
            products.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * (target - mean));
        }
        Correlated { mean, products }
    }

    /// The regression at one strength: relative to the number of rows, so that it means the same for long and short
    /// recordings.
    pub fn at(&self, strength: f64) -> Solver<'_> {
        let columns = self.gram.columns;
        let mut factor = self.gram.values.clone();
        let penalty = strength * self.inputs.row_count().max(1) as f64;
        for i in 0..columns {
            factor[i * columns + i] += penalty;
        }
        cholesky(&mut factor, columns);
        Solver { regression: self, penalty, factor }
    }
}

/// A regression at one strength.
pub(crate) struct Solver<'a> {
    regression: &'a Regression,
    penalty: f64,
    /// Lower triangle L with L L' = X'X + penalty.
    factor: Vec<f64>,
}

impl<'a> Solver<'a> {
    /// The weights for one output.
    pub fn solve(&self, output: &Correlated) -> Solution {
        let mut weights = output.products.clone();
        substitute(&self.factor, weights.len(), &mut weights);
        weights.push(output.mean);
        self.solution(&weights)
    }

    /// The weights for an output that is cut off at 0 and 1, where a prediction beyond the cut is as good as the cut.
    ///
    /// A smile and a frown are two ends of one movement, and each is 0 over the other's half. Least squares that asks
    /// the prediction to be 0 there, and not only 0 or less, finds half of the slope: a smile at half strength. So a
    /// target within 0.05 of 0 (or of 1) only asks not to be overshot towards the middle, and the loss is the square of
    /// what is left. That loss is convex and made of parabolas: Newton's method, which solves with the targets that are
    /// not met, ends at its minimum as soon as these stay the same.
    pub fn solve_bounded(&self, targets: &[f64]) -> Solution {
        const MOST_STEPS: usize = 50;
        let mut newton = Newton::new(self, targets);
        let mut loss = newton.loss(&newton.weights);
        for _ in 0..MOST_STEPS {
            if !newton.update_asking() {
                break;
            }
            let target = newton.minimum();
            // A full step may lead past the minimum, to where other targets ask; some part of it leads down.
            let steps = [1.0, 0.5, 0.25, 0.125, 0.0625].map(|step| {
                let between = newton.weights.iter().zip(&target).map(|(from, to)| from + step * (to - from));
                between.collect::<Vec<f64>>()
            });
            let lower = steps.into_iter().find_map(|weights| {
                let new = newton.loss(&weights);
                (new <= loss).then_some((new, weights))
            });
            let Some((new, weights)) = lower else { break };
            (loss, newton.weights) = (new, weights);
        }
        self.solution(&newton.weights)
    }

    /// From weights of standardised inputs, and the prediction at their means after them.
    fn solution(&self, standard: &[f64]) -> Solution {
        let Regression { means, deviations, .. } = self.regression;
        let weights = standard.iter().zip(deviations);
        let weights: Vec<f64> =
            weights.map(|(weight, sd)| if *sd < MIN_DEVIATION { 0.0 } else { weight / sd }).collect();
        let at_means = standard.last().copied().unwrap_or(0.0);
        let bias = at_means - weights.iter().zip(means).map(|(weight, mean)| weight * mean).sum::<f64>();
        Solution { weights, bias }
    }
}

/// The search for the weights of an output that is cut off. The last weight is the bias.
struct Newton<'a> {
    inputs: &'a Matrix,
    targets: &'a [f64],
    penalty: f64,
    weights: Vec<f64>,
    /// Whether each row's target is asked for.
    asks: Vec<bool>,
    /// The normal equations of the rows that ask: the matrix's lower triangle with the penalty, and the right side.
    matrix: Vec<f64>,
    right: Vec<f64>,
}

impl<'a> Newton<'a> {
    /// From the plain solution, with all rows asking.
    fn new(solver: &Solver<'a>, targets: &'a [f64]) -> Self {
        let Regression { inputs, gram, .. } = solver.regression;
        let (columns, rows) = (inputs.columns, inputs.row_count());
        let output = solver.regression.correlate(targets);
        let mut weights = output.products.clone();
        substitute(&solver.factor, columns, &mut weights);
        weights.push(output.mean);
        // Standardised inputs sum to zero, so that the bias stands alone.
        let mut matrix = vec![0.0; (columns + 1) * (columns + 1)];
        for i in 0..columns {
            matrix[i * (columns + 1)..][..=i].copy_from_slice(&gram.values[i * columns..][..=i]);
            matrix[i * (columns + 1) + i] += solver.penalty;
        }
        matrix[(columns + 1) * (columns + 1) - 1] = rows as f64;
        let mut right = output.products;
        right.push(output.mean * rows as f64);
        Self { inputs, targets, penalty: solver.penalty, weights, asks: vec![true; rows], matrix, right }
    }

    /// Whether a prediction is as good as it can be: beyond a target that is at a cut.
    fn is_met(target: f64, predicted: f64) -> bool {
        /// Trackers tremble by as much about what is 0.
        const REST: f64 = 0.05;
        (target <= REST && predicted < target) || (target >= 1.0 - REST && predicted > target)
    }

    fn loss(&self, weights: &[f64]) -> f64 {
        let rows = self.inputs.rows().zip(self.targets);
        let pairs = rows.map(|(row, target)| (*target, predict(weights, row)));
        let asked = pairs.filter(|(target, predicted)| !Self::is_met(*target, *predicted));
        let errors: f64 = asked.map(|(target, predicted)| (target - predicted).powi(2)).sum();
        let [shrunk @ .., _] = weights else { return errors };
        errors + self.penalty * shrunk.iter().map(|weight| weight * weight).sum::<f64>()
    }

    /// Takes rows in and out of the normal equations as they ask at the current weights; whether any changed.
    fn update_asking(&mut self) -> bool {
        let n = self.weights.len();
        let mut changed = false;
        for ((row, target), asks) in self.inputs.rows().zip(self.targets).zip(&mut self.asks) {
            let now = !Self::is_met(*target, predict(&self.weights, row));
            if now == *asks {
                continue;
            }
            (*asks, changed) = (now, true);
            let sign = if now { 1.0 } else { -1.0 };
            for i in 0..n {
                let value = sign * row.get(i).copied().unwrap_or(1.0);
                self.right[i] += value * target;
                let sums = &mut self.matrix[i * n..][..=i];
                sums.iter_mut().zip(row.iter().chain([&1.0])).for_each(|(sum, other)| *sum += value * other);
            }
        }
        changed
    }

    /// The weights that the rows that ask would have.
    fn minimum(&self) -> Vec<f64> {
        let mut factor = self.matrix.clone();
        cholesky(&mut factor, self.weights.len());
        let mut weights = self.right.clone();
        substitute(&factor, weights.len(), &mut weights);
        weights
    }
}

/// With the bias as the last weight.
fn predict(weights: &[f64], row: &[f64]) -> f64 {
    row.iter().chain([&1.0]).zip(weights).map(|(value, weight)| value * weight).sum()
}

/// Replaces the lower triangle of a positive definite matrix by its Cholesky factor. A column that depends on those
/// before it, but for rounding, is left out: its weight becomes zero.
fn cholesky(a: &mut [f64], n: usize) {
    for j in 0..n {
        let original = a[j * n + j];
        let squares: f64 = a[j * n..][..j].iter().map(|value| value * value).sum();
        let pivot = original - squares;
        let independent = pivot > 1e-12 * original.max(f64::MIN_POSITIVE);
        a[j * n + j] = if independent { pivot.sqrt() } else { f64::INFINITY };
        for i in j + 1..n {
            let product: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            a[i * n + j] = if independent { (a[i * n + j] - product) / a[j * n + j] } else { 0.0 };
        }
    }
}

/// Solves L L' x = b in place.
fn substitute(l: &[f64], n: usize, x: &mut [f64]) {
    for i in 0..n {
        let known: f64 = (0..i).map(|k| l[i * n + k] * x[k]).sum();
        x[i] = (x[i] - known) / l[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| l[k * n + i] * x[k]).sum();
        x[i] = (x[i] - known) / l[i * n + i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matrix(rows: &[&[f64]]) -> Matrix {
        Matrix { columns: rows[0].len(), values: rows.concat() }
    }

    #[test]
    fn a_plane_is_found_and_strength_shrinks_it() {
        let inputs = matrix(&[&[0.0, 0.0], &[1.0, 0.0], &[0.0, 1.0], &[2.0, 3.0], &[-1.0, 0.5]]);
        let targets: Vec<f64> = inputs.rows().map(|row| 2.0 * row[0] - 0.5 * row[1] + 3.0).collect();
        let regression = Regression::new(&inputs);
        let exact = regression.at(1e-12).solve(&regression.correlate(&targets));
        assert!((exact.weights[0] - 2.0).abs() < 1e-9 && (exact.weights[1] + 0.5).abs() < 1e-9);
        assert!((exact.bias - 3.0).abs() < 1e-9);
        let shrunk = regression.at(1e6).solve(&regression.correlate(&targets));
        assert!(shrunk.weights.iter().all(|weight| weight.abs() < 1e-5));
        let mean = targets.iter().sum::<f64>() / 5.0;
        assert!((shrunk.bias - mean).abs() < 1e-5, "the bias is not shrunk");
    }

    #[test]
    fn constant_and_repeated_inputs_do_no_harm() {
        let inputs = matrix(&[&[0.0, 7.0, 0.0], &[1.0, 7.0, 1.0], &[2.0, 7.0, 2.0], &[4.0, 7.0, 4.0]]);
        let targets: Vec<f64> = inputs.rows().map(|row| 3.0 * row[0] + 1.0).collect();
        for strength in [0.0, 1e-9, 1e-3] {
            let regression = Regression::new(&inputs);
            let solution = regression.at(strength).solve(&regression.correlate(&targets));
            assert_eq!(solution.weights[1], 0.0);
            assert!((solution.predict(&[3.0, 7.0, 3.0]) - 10.0).abs() < 0.02, "{solution:?}");
        }
    }

    #[test]
    fn an_output_that_is_cut_off_keeps_its_slope() {
        let inputs = Matrix { columns: 1, values: (0..201).map(|i| f64::from(i) / 100.0 - 1.0).collect() };
        // A smile from one half of the movement, off beyond 1 at the far end.
        let targets: Vec<f64> = inputs.values.iter().map(|x| (1.5 * x - 0.1).clamp(0.0, 1.0)).collect();
        let regression = Regression::new(&inputs);
        let solver = regression.at(1e-9);
        let (plain, bounded) = (solver.solve(&regression.correlate(&targets)), solver.solve_bounded(&targets));
        assert!(plain.weights[0] < 0.7, "plain least squares finds half: {plain:?}");
        assert!((bounded.weights[0] - 1.5).abs() < 1e-6 && (bounded.bias + 0.1).abs() < 1e-6, "{bounded:?}");
    }

    proptest! {
        /// The normal equations hold: residuals are orthogonal to inputs, but for the penalty.
        #[test]
        fn residuals_tell_nothing_more(values in prop::collection::vec(-1.0..1.0f64, 60), targets in prop::collection::vec(-1.0..1.0f64, 20), strength in 1e-6..1.0f64) {
            let inputs = Matrix { columns: 3, values };
            let regression = Regression::new(&inputs);
            let solution = regression.at(strength).solve(&regression.correlate(&targets));
            let residuals: Vec<f64> = inputs.rows().zip(&targets).map(|(row, target)| target - solution.predict(row)).collect();
            prop_assert!(residuals.iter().sum::<f64>().abs() < 1e-9);
            for column in 0..3 {
                let product: f64 = regression.inputs.rows().zip(&residuals).map(|(row, residual)| row[column] * residual).sum();
                let penalty = strength * 20.0 * solution.weights[column] * regression.deviations[column];
                prop_assert!((product - penalty).abs() < 1e-8, "{product} {penalty}");
            }
        }

        /// Bounding never makes the loss that it is about larger.
        #[test]
        fn bounding_lowers_the_bounded_loss(values in prop::collection::vec(-1.0..1.0f64, 60), slope in -2.0..2.0f64) {
            let inputs = Matrix { columns: 2, values };
            let targets: Vec<f64> = inputs.rows().map(|row| (slope * row[0] + row[1]).clamp(0.0, 1.0)).collect();
            let regression = Regression::new(&inputs);
            let solver = regression.at(1e-9);
            let loss = |solution: &Solution| -> f64 {
                inputs.rows().zip(&targets).map(|(row, target)| (solution.predict(row).clamp(0.0, 1.0) - target).powi(2)).sum()
            };
            let (plain, bounded) = (solver.solve(&regression.correlate(&targets)), solver.solve_bounded(&targets));
            prop_assert!(loss(&bounded) <= loss(&plain) + 60.0 * 0.05 * 0.05, "{} {}", loss(&bounded), loss(&plain));
        }
    }
}
