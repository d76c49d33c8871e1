//! Whether a LoRA fits a network, by names and shapes alone.

use std::collections::BTreeMap;

use super::{Modules, Part, SUFFIXES};
use crate::weights::WeightFile;
use crate::{ProblemKind, TensorProblem};

/// All that is wrong with the LoRA in `names`, names in the file and the names by which they are understood, for a
/// network whose modules' weights have the shapes in `network`.
pub(crate) fn problems(
    file: &WeightFile,
    names: impl IntoIterator<Item = (String, String)>,
    network: &BTreeMap<String, Vec<usize>>,
) -> Vec<TensorProblem> {
    let modules = Modules {
        dotted: network.keys().cloned().collect(),
        flat: network.keys().map(|name| (name.replace('.', "_"), name.clone())).collect(),
    };
    let shape_of = |name: &str| file.tensors().get(name).map(|info| info.shape.clone()).unwrap_or_default();
    let mut problems = Vec::new();
    let mut parts: BTreeMap<String, BTreeMap<Part, String>> = BTreeMap::new();
    for (name, understood) in names {
        let known = modules.resolve(&understood);
        // A second name for the same is as useless as an unknown one.
        let is_new =
            known.is_some_and(|(module, part)| parts.entry(module).or_default().insert(part, name.clone()).is_none());
        if !is_new {
            problems.push(TensorProblem { kind: ProblemKind::Extra { found: shape_of(&name) }, name });
        }
    }
    for (module, parts) in &parts {
        let Some([outputs, inputs @ ..]) = network.get(module).map(Vec::as_slice) else { continue };
        let (down, up) = (parts.get(&Part::Down), parts.get(&Part::Up));
        let rank = down.map(|name| shape_of(name)).and_then(|shape| shape.first().copied());
        let rank = rank.or(up.map(|name| shape_of(name)).and_then(|shape| shape.get(1).copied())).unwrap_or(0);
        let count = inputs.iter().product::<usize>();
        let fits_down = |shape: &[usize]| match shape {
            [rows, rest @ ..] => *rows == rank && rank > 0 && rest.iter().product::<usize>() == count,
            [] => false,
        };
        let fits_up = |shape: &[usize]| match shape {
            [rows, columns, ones @ ..] => rows == outputs && *columns == rank && ones.iter().all(|&n| n == 1),
            _ => false,
        };
        let mut ones = vec![1; inputs.len() + 1];
        (ones[0], ones[1]) = (*outputs, rank);
        let expected_down: Vec<usize> = std::iter::once(rank).chain(inputs.iter().copied()).collect();
        let fits_alpha = |shape: &[usize]| shape.iter().product::<usize>() == 1;
        let mut compare = |name: Option<&String>, other: Option<&String>, fits: &dyn Fn(&[usize]) -> bool, expected| {
            let (name, kind) = match (name, other) {
                (Some(name), _) if fits(&shape_of(name)) => return,
                (Some(name), _) => (name.clone(), ProblemKind::Misshapen { found: shape_of(name), expected }),
                (None, Some(other)) => (counterpart(other), ProblemKind::Missing { expected }),
                (None, None) => return,
            };
            problems.push(TensorProblem { name, kind });
        };
        let alpha = parts.get(&Part::Alpha);
        compare(down, up.or(alpha), &fits_down, expected_down);
        compare(up, down.or(alpha), &fits_up, ones);
        compare(alpha, None, &fits_alpha, Vec::new());
    }
    problems
}

/// The name of the matrix that belongs to another.
fn counterpart(name: &str) -> String {
    let found = SUFFIXES.iter().position(|(suffix, _)| name.ends_with(suffix)).unwrap_or_default();
    // They are listed in pairs; an alpha alone is kohya's.
    let (suffix, other) = match SUFFIXES.get(found ^ 1) {
        Some((other, _)) => (SUFFIXES[found].0, *other),
        None => (SUFFIXES[found].0, ".lora_down.weight"),
    };
    format!("{}{other}", name.strip_suffix(suffix).unwrap_or(name))
}
