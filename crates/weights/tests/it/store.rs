//! What a store says of the tensors that a network asks for.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use moue_weights::{ProblemKind, Store, TensorProblem, WeightDelta, WeightFile, WeightsError};

use crate::helpers::{file, says};

/// {"net.a.weight": 2x3 of 0, 1, .. 5, "net.a.bias": [6, 7], "other.b": [8]}.
fn saved(name: &str) -> std::path::PathBuf {
    let path = file(name, "");
    let values = |from: usize, shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        let values: Vec<f32> = (from..from + count).map(|n| n as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    };
    let tensors = [("net.a.weight", values(0, &[2, 3])), ("net.a.bias", values(6, &[2])), ("other.b", values(8, &[1]))];
    candle_core::safetensors::save(&HashMap::from(tensors), &path).unwrap();
    path
}

#[test]
fn only_names_with_the_prefix_are_seen() {
    let store = Store::new(WeightFile::open(&saved("s")).unwrap(), "net.", DType::F32, &Device::Cpu);
    let vb = store.builder();
    assert!(vb.contains_tensor("a.bias") && !vb.contains_tensor("other.b") && !vb.contains_tensor("net.a.bias"));
    assert_eq!(vb.get(2, "a.bias").unwrap().to_vec1::<f32>().unwrap(), [6.0, 7.0]);
    store.finish().unwrap();
    assert_eq!(store.weight_shape("a"), Some(&[2, 3][..]));
    let extra = ProblemKind::Extra { found: vec![2, 3] };
    assert_eq!(store.extra(), [TensorProblem { name: "net.a.weight".into(), kind: extra }]);
}

#[test]
fn all_that_does_not_fit_is_told_by_the_names_in_the_file() {
    let path = saved("s");
    let store = Store::new(WeightFile::open(&path).unwrap(), "net.", DType::F32, &Device::Cpu);
    let vb = store.builder();
    vb.get((3, 2), "a.weight").unwrap();
    vb.get(5, "c.bias").unwrap();
    vb.get(2, "a.bias").unwrap();
    let error = store.finish().unwrap_err();
    let parts = [
        "2 of its tensors do not fit the network",
        "misshapen net.a.weight: found [2, 3], expected [3, 2]",
        "missing   net.c.bias [5]",
    ];
    says(&error, &path, &parts);
    assert!(matches!(error, WeightsError::Tensors { problems, .. } if problems.len() == 2));
}

/// Adds ones to `a`.
struct Ones;

impl WeightDelta for Ones {
    fn delta(&self, module: &str) -> Option<candle_core::Result<Tensor>> {
        (module == "a").then(|| Tensor::ones((3, 2), DType::F32, &Device::Cpu))
    }
}

#[test]
fn deltas_are_added_to_the_weights_of_their_modules_at_their_scale() {
    let store = Store::new(WeightFile::open(&saved("s")).unwrap(), "net.", DType::F32, &Device::Cpu);
    let merged = store.merged(&[(Arc::new(Ones), 10.0), (Arc::new(Ones), -0.5)]);
    let weight = merged.get((2, 3), "a.weight").unwrap();
    assert_eq!(weight.to_vec2::<f32>().unwrap(), [[9.5, 10.5, 11.5], [12.5, 13.5, 14.5]]);
    assert_eq!(merged.get(2, "a.bias").unwrap().to_vec1::<f32>().unwrap(), [6.0, 7.0]);
    // The file's own weight is not changed by it.
    let weight = store.builder().get((2, 3), "a.weight").unwrap();
    assert_eq!(weight.to_vec2::<f32>().unwrap(), [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
}
