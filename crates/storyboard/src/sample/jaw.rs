//! Rotation vectors: the direction is the axis, the length the angle in radians.

type Vector = [f64; 3];
/// The scalar part first.
type Quaternion = [f64; 4];

/// The rotation `u` of the way from one to another, on the shortest way; `u` may overshoot.
pub(super) fn between(from: Vector, to: Vector, u: f64) -> Vector {
    if u == 0.0 || from == to {
        return from;
    }
    if u == 1.0 {
        return to;
    }
    let start = quaternion(from);
    let turn = vector(product(conjugate(start), quaternion(to)));
    vector(product(start, quaternion(turn.map(|value| value * u))))
}

/// First `second`, then `first`, as one rotation.
pub(super) fn compose(first: Vector, second: Vector) -> Vector {
    if first == [0.0; 3] {
        return second;
    }
    if second == [0.0; 3] {
        return first;
    }
    vector(product(quaternion(first), quaternion(second)))
}

fn quaternion(vector: Vector) -> Quaternion {
    let angle = length(vector);
    // sin(x / 2) / x, by its series where the quotient has no digits left.
    let factor = if angle < 1e-6 { 0.5 - angle * angle / 48.0 } else { (0.5 * angle).sin() / angle };
    [(0.5 * angle).cos(), vector[0] * factor, vector[1] * factor, vector[2] * factor]
}

fn vector([w, x, y, z]: Quaternion) -> Vector {
    // Both signs are the same rotation: the one by at most half a turn is taken.
    let [w, x, y, z] = if w < 0.0 { [-w, -x, -y, -z] } else { [w, x, y, z] };
    let sine = length([x, y, z]);
    let factor = if sine < 1e-6 { 2.0 } else { 2.0 * sine.atan2(w) / sine };
    [x * factor, y * factor, z * factor]
}

fn product([aw, ax, ay, az]: Quaternion, [bw, bx, by, bz]: Quaternion) -> Quaternion {
    [
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    ]
}

fn conjugate([w, x, y, z]: Quaternion) -> Quaternion {
    [w, -x, -y, -z]
}

fn length(vector: Vector) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Matrix = [[f64; 3]; 3];

    /// The rotation's matrix by Rodrigues' formula.
    fn matrix(v: Vector) -> Matrix {
        let angle = length(v);
        if angle == 0.0 {
            return [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        }
        let [x, y, z] = v.map(|value| value / angle);
        let (s, c) = angle.sin_cos();
        let t = 1.0 - c;
        [
            [t * x * x + c, t * x * y - s * z, t * x * z + s * y],
            [t * x * y + s * z, t * y * y + c, t * y * z - s * x],
            [t * x * z - s * y, t * y * z + s * x, t * z * z + c],
        ]
    }

    fn times(a: Matrix, b: Matrix) -> Matrix {
        std::array::from_fn(|row| std::array::from_fn(|column| (0..3).map(|k| a[row][k] * b[k][column]).sum()))
    }

    fn apart(a: Matrix, b: Matrix) -> f64 {
        a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn about_one_axis_angles_are_mixed_and_added() {
        let near = |a: Vector, b: Vector| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(near(between([0.1, 0.0, 0.0], [0.5, 0.0, 0.0], 0.25), [0.2, 0.0, 0.0]));
        assert!(near(between([0.1, 0.0, 0.0], [0.5, 0.0, 0.0], 1.25), [0.6, 0.0, 0.0]));
        assert!(near(compose([0.1, 0.0, 0.0], [0.2, 0.0, 0.0]), [0.3, 0.0, 0.0]));
        assert!(near(compose([1e-9, 0.0, 0.0], [0.2, 1e-9, 0.0]), [0.2 + 1e-9, 1e-9, 0.0]));
    }

    fn vectors() -> impl Strategy<Value = Vector> {
        prop::array::uniform3(-0.8..0.8f64)
    }

    proptest! {
        #[test]
        fn composing_is_the_product_of_the_matrices(a in vectors(), b in vectors()) {
            prop_assert!(apart(matrix(compose(a, b)), times(matrix(a), matrix(b))) < 1e-12);
        }

        /// The way from one to the other has one axis and equal steps: n small equal steps lead there.
        #[test]
        fn the_way_is_made_of_equal_turns(a in vectors(), b in vectors(), n in 2usize..9) {
            let at = |k: usize| matrix(between(a, b, k as f64 / n as f64));
            let inverse = |m: Matrix| -> Matrix { std::array::from_fn(|row| std::array::from_fn(|column| m[column][row])) };
            let step = times(inverse(at(0)), at(1));
            for k in 1..n {
                prop_assert!(apart(times(inverse(at(k)), at(k + 1)), step) < 1e-9);
            }
            prop_assert_eq!(between(a, b, 0.0), a);
            prop_assert_eq!(between(a, b, 1.0), b);
        }
    }
}
