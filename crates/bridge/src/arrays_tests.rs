use proptest::prelude::*;

use super::*;
use moue_timeline::{FlameChannel, Shape};

fn small() -> LinearMap {
    let inputs = [Shape::JawOpen, Shape::MouthSmileLeft].map(Channel::Shape).to_vec();
    let outputs: Vec<Channel> =
        [0, 7, 52].into_iter().filter_map(FlameChannel::from_index).map(Channel::Flame).collect();
    let score = Some(Score { rmse: 0.125, r2: Some(0.75) });
    LinearMap {
        to_flame: Some(Affine {
            weights: vec![1.0, 2.0, 3.0, -4.0, 0.1, 1e-9],
            bias: vec![0.5, 0.25, 0.0],
            scores: vec![score, None, Some(Score { rmse: 0.5, r2: None })],
            rule_scores: vec![None, None, score],
            inputs,
            outputs,
        }),
        to_arkit: None,
        sources: vec![Source { name: "über.mp4".to_owned(), hash: "sha256:0".to_owned(), frames: 1234 }],
        training_frames: 1000,
        held_back_frames: 200,
    }
}

#[test]
fn a_map_comes_back_from_its_arrays() {
    let map = small();
    let arrays = NamedArrays::from(&map);
    assert_eq!(LinearMap::try_from(&arrays), Ok(map));
    assert_eq!(arrays.arrays["to_flame_weights"].shape, [2, 3]);
    assert!(!arrays.arrays.contains_key("to_arkit_weights"));
}

#[test]
fn single_precision_is_read_too() {
    let mut arrays = NamedArrays::from(&small());
    let bias = NamedArray { shape: vec![3], data: ArrayData::F32(vec![0.5, 0.25, 0.0]) };
    arrays.arrays.insert("to_flame_bias".to_owned(), bias);
    assert_eq!(LinearMap::try_from(&arrays), Ok(small()));
}

/// What is said of a map with one array changed; taken away without one.
fn refusal(name: &str, array: Option<NamedArray>) -> String {
    let mut arrays = NamedArrays::from(&small());
    match array {
        Some(array) => arrays.arrays.insert(name.to_owned(), array),
        None => arrays.arrays.remove(name),
    };
    LinearMap::try_from(&arrays).unwrap_err().to_string()
}

fn numbers(shape: &[usize], values: &[f64]) -> Option<NamedArray> {
    Some(NamedArray { shape: shape.to_vec(), data: ArrayData::F64(values.to_vec()) })
}

fn texts(values: &[&str]) -> Option<NamedArray> {
    let data = ArrayData::Text(values.iter().map(|text| (*text).to_owned()).collect());
    Some(NamedArray { shape: vec![values.len()], data })
}

#[test]
fn errors_name_the_array_what_was_found_and_what_was_expected() {
    for (name, array, message) in [
        ("format", None, "array 'format': found no such array, expected one"),
        ("format", texts(&["another"]), "array 'format': found 'another', expected 'moue arkit-flame map'"),
        ("version", numbers(&[1], &[2.0]), "array 'version': found 2, expected 1"),
        ("to_flame_inputs", texts(&["jawOpen", "exp_00"]), "found 'exp_00', expected names of ARKit coefficients"),
        ("to_flame_inputs", texts(&["jawOpen", "jawOpen"]), "found 'jawOpen' twice, expected each name once"),
        ("to_flame_inputs", texts(&[]), "found no names, expected names of ARKit coefficients"),
        ("to_flame_outputs", texts(&["head_yaw", "a", "b"]), "found 'head_yaw', expected names of FLAME coefficients"),
        ("to_flame_outputs", numbers(&[3], &[0.0; 3]), "array 'to_flame_outputs': found numbers, expected texts"),
        ("to_flame_weights", numbers(&[3, 2], &[0.0; 6]), "found shape [3, 2], expected shape [2, 3]"),
        ("to_flame_weights", numbers(&[2, 3], &[0.0; 5]), "array 'to_flame_weights': found shape [2, 3]"),
        ("to_flame_weights", None, "array 'to_flame_weights': found no such array"),
        ("to_flame_bias", numbers(&[3], &[0.0, f64::NAN, 0.0]), "found NaN at place 1, expected finite numbers"),
        ("to_flame_bias", texts(&["a", "b", "c"]), "array 'to_flame_bias': found texts, expected numbers"),
        ("to_flame_r2", numbers(&[2], &[0.0; 2]), "array 'to_flame_r2': found shape [2], expected shape [3]"),
        ("source_hashes", texts(&[]), "array 'source_hashes': found shape [0], expected shape [1]"),
        ("source_frames", numbers(&[1], &[0.5]), "array 'source_frames': found 0.5, expected whole numbers from 0 on"),
        ("frames", numbers(&[2], &[1.0, -1.0]), "array 'frames': found -1, expected whole numbers from 0 on"),
    ] {
        let text = refusal(name, array);
        assert!(text.contains(message) && text.contains("\nhint: "), "{name}: {text}");
    }
    let mut arrays = NamedArrays::from(&small());
    arrays.arrays.retain(|name, _| !name.starts_with("to_flame"));
    assert!(LinearMap::try_from(&arrays).unwrap_err().to_string().contains("a map in one direction or both"));
}

proptest! {
    /// Whatever a file holds, it is a map or is refused.
    #[test]
    fn damaged_arrays_never_panic(which in any::<prop::sample::Index>(), shape in prop::collection::vec(prop_oneof![0usize..5, Just(usize::MAX)], 0..3), values in prop::collection::vec(any::<f64>(), 0..8), kind in 0..3) {
        let mut arrays = NamedArrays::from(&small());
        let name = which.get(&arrays.arrays.keys().cloned().collect::<Vec<_>>()).clone();
        let data = match kind {
            0 => ArrayData::F64(values),
            1 => ArrayData::F32(values.into_iter().map(|value| value as f32).collect()),
            _ => ArrayData::Text(values.into_iter().map(|value| value.to_string()).collect()),
        };
        arrays.arrays.insert(name, NamedArray { shape, data });
        if let Ok(map) = LinearMap::try_from(&arrays) {
            prop_assert!(map.to(Family::Flame).is_some_and(|affine| affine.bias().iter().all(|value| value.is_finite())));
        }
    }
}
