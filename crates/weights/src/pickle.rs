//! What `torch.save` writes: a zip with a pickle that describes tensors, and their numbers beside it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use zip::ZipArchive;

use crate::unpickle::{Id, Refusal, Storage, Value, Values, View};
use crate::{Result, TensorInfo, WeightsError};

#[derive(Debug)]
pub(crate) struct Reader {
    tensors: BTreeMap<String, TensorInfo>,
    places: BTreeMap<String, Place>,
}

/// Where a tensor's numbers are.
#[derive(Debug)]
struct Place {
    /// Number of the member in the zip.
    member: usize,
    dtype: DType,
    view: View,
}

/// Descriptions of tensors take some hundred bytes each.
const MOST_PICKLE: u64 = 100_000_000;
/// A pickle can name one tensor any number of times; no network has as many.
const MOST_TENSORS: usize = 100_000;
/// No tensor has a longer name.
const LONGEST_NAME: usize = 1000;

const AGAIN: &str = "the download was cut short or the file is damaged: fetch it again with `moue models pull`";

type Archive = ZipArchive<BufReader<File>>;

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let refuse = |found: String| WeightsError::file(path, found, "a whole PyTorch zip pickle", AGAIN);
        let mut archive = open(path)?;
        let pickles: Vec<(usize, String)> = (0..archive.len())
            .filter_map(|i| Some((i, archive.name_for_index(i)?.ok()?.strip_suffix("data.pkl")?.to_owned())))
            .filter(|(_, folder)| folder.is_empty() || folder.ends_with('/'))
            .collect();
        let [(pickle, folder)] = &pickles[..] else {
            return Err(refuse(format!("a zip with {} members named data.pkl", pickles.len())));
        };
        let mut bytes = Vec::new();
        let member = archive.by_index(*pickle).map_err(|e| refuse(format!("a zip that cannot be read ({e})")))?;
        member
            .take(MOST_PICKLE + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| refuse(format!("a zip that cannot be read ({e})")))?;
        if bytes.len() as u64 > MOST_PICKLE {
            return Err(refuse(format!("a pickle of more than {MOST_PICKLE} bytes")));
        }
        let (values, result) = Values::read(&bytes).map_err(|refusal| match refusal {
            Refusal::Damaged(what) => refuse(format!("a pickle with {what}")),
            Refusal::Code(name) => WeightsError::file(
                path,
                format!("a pickle that wants to call {name}"),
                "a pickle of tensors and dictionaries only",
                "nothing of it was run; use weights from a source you trust, best as safetensors",
            ),
        })?;
        let views = views(&values, result).map_err(refuse)?;
        let mut members: HashMap<Id, usize> = HashMap::new();
        let mut reader = Self { tensors: BTreeMap::new(), places: BTreeMap::new() };
        for (name, view) in views {
            let Value::Storage(storage) = values.get(view.storage) else { continue };
            let member = match members.get(&view.storage) {
                Some(&member) => member,
                None => locate(&mut archive, folder, storage).map_err(|found| refuse(format!("{found}, of {name}")))?,
            };
            members.insert(view.storage, member);
            let dtype = storage.dtype;
            reader.tensors.insert(name.clone(), TensorInfo { dtype, shape: view.shape.clone() });
            reader.places.insert(name, Place { member, dtype, view: view.clone() });
        }
        if reader.tensors.is_empty() {
            return Err(refuse("a pickle without tensors".into()));
        }
        Ok(reader)
    }

    pub(crate) fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    pub(crate) fn read(&self, path: &Path, name: &str) -> Result<Tensor> {
        let refuse = |found: String| WeightsError::file(path, found, "its numbers", AGAIN);
        let Some(Place { member, dtype, view }) = self.places.get(name) else {
            return Err(WeightsError::file(path, format!("no tensor {name}"), "one", AGAIN));
        };
        let mut archive = open(path)?;
        let unreadable = |e: &dyn std::fmt::Display| refuse(format!("tensor {name} that cannot be read ({e})"));
        let mut member = archive.by_index(*member).map_err(|e| unreadable(&e))?;
        let size = dtype.size_in_bytes();
        std::io::copy(&mut member.by_ref().take((view.offset * size) as u64), &mut std::io::sink())
            .map_err(|e| unreadable(&e))?;
        let mut bytes = Vec::new();
        member.take((view.span * size) as u64).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
        if bytes.len() != view.span * size {
            return Err(refuse(format!("tensor {name} of {} bytes", bytes.len())));
        }
        let bytes = in_order(bytes, size, view);
        Ok(Tensor::from_raw_buffer(&bytes, *dtype, &view.shape, &Device::Cpu)?)
    }
}

fn open(path: &Path) -> Result<Archive> {
    let file = BufReader::new(File::open(path).map_err(|e| WeightsError::io(path, e))?);
    ZipArchive::new(file).map_err(|e| {
        WeightsError::file(path, format!("a zip that cannot be read ({e})"), "a whole PyTorch zip pickle", AGAIN)
    })
}

/// The tensors of the outer dictionary by name, and those of dictionaries in it as `outer.inner`.
fn views(values: &Values, result: Id) -> std::result::Result<BTreeMap<String, &View>, String> {
    let Value::Dict(outer) = values.get(result) else { return Err("a pickle that is no dictionary of tensors".into()) };
    let mut views = BTreeMap::new();
    let mut add = |group: &str, key: Id, view| {
        let Some(key) = values.text(key) else { return Ok(()) };
        if group.len() + key.len() > LONGEST_NAME {
            return Err(format!("a pickle with a name of {} bytes", group.len() + key.len()));
        }
        views.insert(format!("{group}{key}"), view);
        if views.len() > MOST_TENSORS { Err(format!("a pickle of more than {MOST_TENSORS} tensors")) } else { Ok(()) }
    };
    // One dictionary may stand in many places; together they must not be more than a network has.
    let mut seen = 0;
    for &(key, value) in outer {
        match values.get(value) {
            Value::Tensor(view) => add("", key, view)?,
            Value::Dict(inner) => {
                let Some(group) = values.text(key) else { continue };
                seen += inner.len();
                if seen > MOST_TENSORS {
                    return Err(format!("a pickle of more than {MOST_TENSORS} values"));
                }
                if group.len() > LONGEST_NAME {
                    return Err(format!("a pickle with a name of {} bytes", group.len()));
                }
                let group = format!("{group}.");
                for &(key, value) in inner {
                    if let Value::Tensor(view) = values.get(value) {
                        add(&group, key, view)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(views)
}

/// The number of the member that holds a storage, which must be as large as the pickle says.
fn locate(archive: &mut Archive, folder: &str, storage: &Storage) -> std::result::Result<usize, String> {
    let Storage { key, dtype, numbers } = storage;
    let name = format!("{folder}data/{key}");
    let shown = name.escape_debug();
    let Some(member) = archive.index_for_name(&name) else { return Err(format!("no member {shown}")) };
    let size = archive.by_index(member).map_err(|e| format!("member {shown} that cannot be read ({e})"))?.size();
    if numbers.checked_mul(dtype.size_in_bytes()).is_none_or(|bytes| bytes as u64 > size) {
        return Err(format!("member {shown} of {size} bytes where {numbers} numbers of {dtype:?} should be"));
    }
    Ok(member)
}

/// The numbers of a view in the order of their indices.
fn in_order(bytes: Vec<u8>, size: usize, view: &View) -> Vec<u8> {
    let mut expected = 1;
    let contiguous = view.shape.iter().zip(&view.stride).rev().all(|(&n, &step)| {
        let follows = n <= 1 || step == expected;
        expected *= n;
        follows
    });
    if contiguous {
        return bytes;
    }
    let elements: usize = view.shape.iter().product();
    let mut ordered = Vec::with_capacity(elements * size);
    let mut index = vec![0; view.shape.len()];
    for _ in 0..elements {
        let place: usize = index.iter().zip(&view.stride).map(|(i, step)| i * step).sum();
        ordered.extend_from_slice(&bytes[place * size..(place + 1) * size]);
        for (i, n) in index.iter_mut().zip(&view.shape).rev() {
            *i += 1;
            if *i < *n {
                break;
            }
            *i = 0;
        }
    }
    ordered
}
