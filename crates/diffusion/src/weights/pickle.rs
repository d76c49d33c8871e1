//! What `torch.save` writes: a zip with a pickle that describes tensors, and their numbers beside it.
//!
//! The pickle is read as data by candle's reader. Before any tensor is touched, everything it would call is looked at:
//! only what rebuilds tensors and dictionaries may be there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use candle_core::Tensor;
use candle_core::pickle::{Object, PthTensors, Stack};

use super::TensorInfo;
use crate::{DiffusionError, Result};

#[derive(Debug)]
pub(super) struct Reader {
    tensors: BTreeMap<String, TensorInfo>,
    /// Keys of dictionaries of tensors inside the outer dictionary.
    groups: Vec<String>,
}

/// What a checkpoint may call, and nothing else.
const HARMLESS: [(&str, &str); 5] = [
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch._tensor", "_rebuild_from_type_v2"),
];

/// More nesting than any checkpoint has.
const DEEPEST: usize = 64;

const AGAIN: &str = "the download was cut short or the file is damaged: fetch it again with `moue models pull`";

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let refuse = |found: String| DiffusionError::file(path, found, "a whole PyTorch zip pickle", AGAIN);
        let file = BufReader::new(File::open(path).map_err(|e| DiffusionError::io(path, e))?);
        let mut archive = zip::ZipArchive::new(file).map_err(|e| refuse(format!("a zip that cannot be read ({e})")))?;
        let pickles: Vec<usize> = (0..archive.len())
            .filter(|&i| archive.name_for_index(i).is_some_and(|name| name.is_ok_and(|n| n.ends_with("data.pkl"))))
            .collect();
        let [pickle] = pickles[..] else {
            return Err(refuse(format!("a zip with {} members named data.pkl", pickles.len())));
        };
        let member = archive.by_index(pickle).map_err(|e| refuse(format!("a zip that cannot be read ({e})")))?;
        let mut stack = Stack::empty();
        stack.read_loop(&mut BufReader::new(member)).map_err(|e| refuse(format!("an unreadable pickle ({e})")))?;
        let object = stack.finalize().map_err(|e| refuse(format!("an unreadable pickle ({e})")))?;
        if let Err(found) = harmless(&object, DEEPEST) {
            return Err(DiffusionError::file(
                path,
                found,
                "a pickle of tensors and dictionaries only",
                "nothing of it was run; use weights from a source you trust, best as safetensors",
            ));
        }
        let Object::Dict(entries) = object else {
            return Err(refuse("a pickle that is no dictionary of tensors".into()));
        };
        let groups: Vec<String> = entries
            .into_iter()
            .filter_map(|(key, value)| match (key, value) {
                (Object::Unicode(key), Object::Dict(_)) => Some(key),
                _ => None,
            })
            .collect();
        let mut tensors = BTreeMap::new();
        for group in std::iter::once(None).chain(groups.iter().map(|g| Some(g.as_str()))) {
            for (name, info) in PthTensors::new(path, group)?.tensor_infos() {
                let name = group.map_or(name.clone(), |group| format!("{group}.{name}"));
                tensors.insert(name, TensorInfo { dtype: info.dtype, shape: info.layout.dims().to_vec() });
            }
        }
        if tensors.is_empty() {
            return Err(refuse("a pickle without tensors".into()));
        }
        Ok(Self { tensors, groups })
    }

    pub(super) fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    pub(super) fn read(&self, path: &Path, name: &str) -> Result<Tensor> {
        let group = self.groups.iter().find(|g| name.starts_with(&format!("{g}.")));
        let inner = group.map_or(name, |g| &name[g.len() + 1..]);
        let tensor = PthTensors::new(path, group.map(String::as_str))?.get(inner).map_err(|e| {
            DiffusionError::file(path, format!("tensor {name} that cannot be read ({e})"), "its numbers", AGAIN)
        })?;
        let found = || DiffusionError::file(path, format!("no tensor {name}"), "one", AGAIN);
        Ok(tensor.ok_or_else(found)?.contiguous()?)
    }
}

/// Says what in `object` a checkpoint must not have.
fn harmless(object: &Object, depth: usize) -> std::result::Result<(), String> {
    let Some(depth) = depth.checked_sub(1) else { return Err("a pickle nested without end".into()) };
    let all = |objects: &[Object]| objects.iter().try_for_each(|o| harmless(o, depth));
    match object {
        Object::Class { module_name, class_name } => {
            let storage = module_name == "torch" && class_name.ends_with("Storage");
            if storage || HARMLESS.contains(&(module_name, class_name)) {
                Ok(())
            } else {
                Err(format!("a pickle that wants to call {module_name}.{class_name}"))
            }
        }
        Object::Reduce { callable, args } => {
            harmless(callable, depth)?;
            harmless(args, depth)?;
            match (&**callable, &**args) {
                // What candle takes apart by position.
                (Object::Class { class_name, .. }, Object::Tuple(args)) => {
                    let least = match class_name.as_str() {
                        "_rebuild_tensor_v2" => 4,
                        "_rebuild_from_type_v2" => 3,
                        "_rebuild_parameter" => 1,
                        _ => 0,
                    };
                    if args.len() < least { Err(format!("{class_name} with {} arguments", args.len())) } else { Ok(()) }
                }
                (Object::Class { .. }, _) => Err("a call without arguments".into()),
                _ => Err("a call of something that has no name".into()),
            }
        }
        Object::Build { callable, args } => {
            harmless(callable, depth)?;
            harmless(args, depth)
        }
        Object::PersistentLoad(id) => match &**id {
            Object::Tuple(parts) if parts.len() >= 5 => all(parts),
            _ => Err("numbers that are described otherwise than PyTorch does".into()),
        },
        Object::Tuple(objects) | Object::List(objects) => all(objects),
        Object::Dict(entries) => {
            entries.iter().try_for_each(|(k, v)| harmless(k, depth).and_then(|()| harmless(v, depth)))
        }
        _ => Ok(()),
    }
}
