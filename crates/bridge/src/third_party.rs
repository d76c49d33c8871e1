//! Maps that others have published.

use moue_timeline::{Channel, FlameChannel, Shape};

use crate::{Affine, BridgeError, LinearMap};

/// MediaPipe's 52 scores, `_neutral` among them.
const INPUTS: usize = 52;
/// FLAME's components in such a map; the first 50 are used here.
const COMPONENTS: usize = 100;
const JAW: usize = 3;

impl LinearMap {
    /// A map from MediaPipe's blendshape scores as published for FLAME in two arrays without a bias, `y = x M`:
    /// expression components (52, 100) and the jaw's rotation vector (52, 3), both row-major.
    ///
    /// Rows are in MediaPipe's order: `_neutral`, which no track has and which is left out, then the ARKit shapes but
    /// `tongueOut` by their names. Components beyond the first 50 are left out. The map leads to FLAME only; lids are not in it
    /// and follow the rule, and so does the jaw wherever a track has a jaw. There are no scores: nobody measured them
    /// here.
    ///
    /// # Errors
    /// Where an array has another size, or a value is not finite.
    pub fn from_third_party(expression: &[f32], jaw: &[f32]) -> Result<Self, BridgeError> {
        check("expression", expression, COMPONENTS)?;
        check("jaw", jaw, JAW)?;
        let kept = FlameChannel::EXPRESSION;
        let outputs: Vec<Channel> =
            kept.clone().chain(FlameChannel::JAW).filter_map(FlameChannel::from_index).map(Channel::Flame).collect();
        let inputs = mediapipe_order();
        let weights = (1..INPUTS).flat_map(|row| {
            let components = &expression[row * COMPONENTS..][kept.clone()];
            components.iter().chain(&jaw[row * JAW..][..JAW]).map(|weight| f64::from(*weight))
        });
        let none = vec![None; outputs.len()];
        let affine = Affine {
            weights: weights.collect(),
            bias: vec![0.0; outputs.len()],
            scores: none.clone(),
            rule_scores: none,
            inputs,
            outputs,
        };
        Ok(Self {
            to_flame: Some(affine),
            to_arkit: None,
            sources: Vec::new(),
            training_frames: 0,
            held_back_frames: 0,
        })
    }
}

/// The shapes that MediaPipe scores, in its order but for `_neutral`, which comes first: by name.
fn mediapipe_order() -> Vec<Channel> {
    let mut shapes: Vec<Shape> = Shape::ALL.into_iter().filter(|shape| *shape != Shape::TongueOut).collect();
    shapes.sort_by_key(|shape| shape.name());
    shapes.into_iter().map(Channel::Shape).collect()
}

fn check(name: &str, values: &[f32], columns: usize) -> Result<(), BridgeError> {
    let error = |found: String, expected: String, hint: &'static str| {
        Err(BridgeError::Array { array: name.to_owned(), found, expected, hint })
    };
    if values.len() != INPUTS * columns {
        return error(
            format!("{} values", values.len()),
            format!("{INPUTS} rows of {columns}"),
            "one row for each of MediaPipe's 52 blendshapes, `_neutral` first",
        );
    }
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => error(
            format!("{} in row {}, column {}", values[at], at / columns, at % columns),
            "finite numbers".to_owned(),
            "fetch the file again",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Family, bridge};
    use moue_timeline::Track;

    fn channel(name: &str) -> Channel {
        Channel::from_name(name).unwrap()
    }

    #[test]
    fn the_order_is_mediapipes() {
        let order = mediapipe_order();
        assert_eq!(order.len(), INPUTS - 1);
        // Indices as in MediaPipe's own list, where `_neutral` is 0.
        for (index, name) in [
            (1, "browDownLeft"),
            (3, "browInnerUp"),
            (9, "eyeBlinkLeft"),
            (25, "jawOpen"),
            (26, "jawRight"),
            (44, "mouthSmileLeft"),
            (51, "noseSneerRight"),
        ] {
            assert_eq!(order[index - 1], channel(name), "{index}");
        }
    }

    #[test]
    fn rows_meet_their_shapes_and_neutral_is_left_out() {
        let mut expression = vec![0.0; INPUTS * COMPONENTS];
        let mut jaw = vec![0.0; INPUTS * JAW];
        expression[..COMPONENTS].fill(9.0);
        expression[44 * COMPONENTS + 49] = 2.0;
        expression[44 * COMPONENTS + 50] = 9.0;
        jaw[44 * JAW + 2] = 0.5;
        jaw[25 * JAW] = 9.0;
        let map = LinearMap::from_third_party(&expression, &jaw).unwrap();
        let track = Track::new(vec![channel("mouthSmileLeft"), channel("jawOpen")], vec![0.0], vec![0.5, 1.0]).unwrap();
        let flame = bridge(&track, Family::Flame, Some(&map)).unwrap();
        let at = |name: &str| flame.track.row(0)[flame.track.column(channel(name)).unwrap()];
        assert_eq!([at("exp_49"), at("exp_48"), at("jaw_z")], [1.0, 0.0, 0.25]);
        assert_eq!(at("jaw_x"), 0.5, "the jaw follows the rule");
        assert!(bridge(&track, Family::Arkit, Some(&map)).is_err());
    }

    #[test]
    fn other_arrays_are_refused() {
        let (expression, jaw) = (vec![0.0; INPUTS * COMPONENTS], vec![0.0; INPUTS * JAW]);
        let error = LinearMap::from_third_party(&expression[..5100], &jaw).unwrap_err().to_string();
        assert!(error.starts_with("array 'expression': found 5100 values, expected 52 rows of 100\nhint: "), "{error}");
        let mut broken = jaw;
        broken[7] = f32::NAN;
        let error = LinearMap::from_third_party(&expression, &broken).unwrap_err().to_string();
        assert!(
            error.starts_with("array 'jaw': found NaN in row 2, column 1, expected finite numbers\nhint: "),
            "{error}"
        );
    }
}
