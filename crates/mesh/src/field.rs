//! Smooth fields over the skin that take given values, very nearly, at given vertices.
//!
//! Radial-basis interpolation with Wendland's C2 kernel (H. Wendland, "Piecewise polynomial, positive definite and
//! compactly supported radial functions of minimal degree", 1995) over distances along the skin.

use std::collections::HashMap;
use std::ops::{Mul, SubAssign};

use glam::Vec3;

use crate::surface::Surface;

/// A vertex and where it goes, in centimetres.
pub(crate) type Control = (u16, Vec3);

/// The longest reach a field may have, cm.
pub(crate) const LONGEST_REACH: f32 = 20.0;

/// Makes fields; remembers the distances from vertices it has met.
#[derive(Default)]
pub(crate) struct Spreader {
    distances: HashMap<u16, Vec<f32>>,
}

impl Spreader {
    /// The field that passes by every control and is zero farther than `reach` from all of them.
    pub fn through(&mut self, controls: &[Control], reach: f32) -> Vec<(u16, Vec3)> {
        let vertices: Vec<u16> = controls.iter().map(|&(vertex, _)| vertex).collect();
        let displacements = controls.iter().map(|&(_, displacement)| displacement).collect();
        let weights = solve(self.matrix(&vertices, reach), displacements);
        self.expand(&vertices, &weights, reach, |d| d.length_squared() > 1e-8)
    }

    /// One field for each of `moving`: 1 at that vertex, 0 at all the others and at `still`.
    pub fn cardinals(&mut self, moving: &[u16], still: &[u16], reach: f32) -> Vec<Vec<(u16, f32)>> {
        let vertices: Vec<u16> = moving.iter().chain(still).copied().collect();
        let matrix = self.matrix(&vertices, reach);
        let unit = |own: usize| (0..vertices.len()).map(|v| if v == own { 1.0 } else { 0.0 }).collect();
        let fields = (0..moving.len()).map(|own| {
            let weights: Vec<f32> = solve(matrix.clone(), unit(own));
            self.expand(&vertices, &weights, reach, |value: f32| value.abs() > 1e-4)
        });
        fields.collect()
    }

    fn matrix(&mut self, vertices: &[u16], reach: f32) -> Vec<Vec<f32>> {
        for &vertex in vertices {
            self.distances.entry(vertex).or_insert_with(|| Surface::get().distances(vertex, LONGEST_REACH));
        }
        vertices.iter().map(|&to| vertices.iter().map(|&from| self.kernel(from, to, reach)).collect()).collect()
    }

    fn kernel(&self, from: u16, to: u16, reach: f32) -> f32 {
        wendland(self.distances[&from][to as usize] / reach)
    }

    fn expand<T>(&self, vertices: &[u16], weights: &[T], reach: f32, matters: impl Fn(T) -> bool) -> Vec<(u16, T)>
    where
        T: Copy + Mul<f32, Output = T> + std::iter::Sum,
    {
        let surface = Surface::get();
        let at = |vertex| vertices.iter().zip(weights).map(|(&from, &w)| w * self.kernel(from, vertex, reach)).sum();
        (0..surface.positions.len() as u16)
            .filter(|&vertex| !surface.inside_opening[vertex as usize])
            .map(|vertex| (vertex, at(vertex)))
            .filter(|&(_, value)| matters(value))
            .collect()
    }
}

fn wendland(r: f32) -> f32 {
    if r >= 1.0 { 0.0 } else { (1.0 - r).powi(4) * (4.0 * r + 1.0) }
}

/// Added to the diagonal. Distances over a surface make no positive definite kernel, and controls lie close together
/// along the lips: without it the weights alternate wildly. With it, a field misses its controls by a few hundredths.
const RIDGE: f32 = 0.05;

/// Gaussian elimination with partial pivoting.
fn solve<T>(mut matrix: Vec<Vec<f32>>, mut right: Vec<T>) -> Vec<T>
where
    T: Copy + Mul<f32, Output = T> + SubAssign,
{
    let n = right.len();
    for (row, line) in matrix.iter_mut().enumerate() {
        line[row] += RIDGE;
    }
    for column in 0..n {
        let pivot = (column..n).max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()));
        let pivot = pivot.unwrap_or(column);
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let (above, below) = matrix.split_at_mut(column + 1);
        let above = &above[column];
        for (row, line) in below.iter_mut().enumerate() {
            let factor = line[column] / above[column];
            for (value, &upper) in line[column..].iter_mut().zip(&above[column..]) {
                *value -= factor * upper;
            }
            let upper = right[column] * factor;
            right[column + 1 + row] -= upper;
        }
    }
    for row in (0..n).rev() {
        for k in row + 1..n {
            let known = right[k] * matrix[row][k];
            right[row] -= known;
        }
        right[row] = right[row] * (1.0 / matrix[row][row]);
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<T: Copy>(field: &[(u16, T)], vertex: u16) -> Option<T> {
        field.iter().find(|(v, _)| *v == vertex).map(|(_, value)| *value)
    }

    #[test]
    fn a_field_meets_its_controls_and_stops_at_its_reach() {
        let field = Spreader::default().through(&[(291, Vec3::X), (0, Vec3::ZERO)], 3.0);
        assert!(at(&field, 291).unwrap().distance(Vec3::X) < 0.07);
        assert!(at(&field, 0).is_none_or(|d| d.length() < 0.03));
        assert!(at(&field, 10).is_none());
    }

    #[test]
    fn cardinal_fields_are_one_at_home_and_zero_at_the_others() {
        let vertices = [312, 311, 310];
        let fields = Spreader::default().cardinals(&vertices, &[308], 1.5);
        for (own, field) in fields.iter().enumerate() {
            for (other, &vertex) in vertices.iter().enumerate() {
                let expected = if own == other { 1.0 } else { 0.0 };
                assert!((at(field, vertex).unwrap_or(0.0) - expected).abs() < 0.12);
            }
            assert!(at(field, 402).is_none(), "the other lip");
        }
    }
}
