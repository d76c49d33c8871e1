//! The machine that a pickle is a program for, cut down to what describes tensors: nothing is ever called.
//!
//! A name that a checkpoint has no use for ends it at once, whether the pickle goes on to call it or not. Values lie in
//! one list and speak of each other by their places there, so that a pickle takes memory and time in proportion to its
//! own size, however often it repeats or nests what it once said.
//!
//! Instructions are those of CPython's `Lib/pickletools.py`; calls are those that `torch.save` writes.

use std::collections::HashMap;

use candle_core::DType;

/// Place of a value in [`Values`].
pub(crate) type Id = usize;

/// Everything that a pickle has said.
#[derive(Debug, Default)]
pub(crate) struct Values(Vec<Value>);

#[derive(Debug)]
pub(crate) enum Value {
    /// Nothing that tensors are described with: none, a truth value, a real number, bytes.
    Other,
    Int(i64),
    Text(String),
    Class(Class),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Storage(Storage),
    Tensor(View),
}

/// Numbers beside the pickle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Storage {
    /// Name of the member, after `data/`.
    pub key: String,
    pub dtype: DType,
    /// How many numbers.
    pub numbers: usize,
}

/// A tensor: some of a storage's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub storage: Id,
    /// First number.
    pub offset: usize,
    pub shape: Vec<usize>,
    /// Numbers from one index to the next, for each dimension.
    pub stride: Vec<usize>,
    /// Numbers from the first to the last, both included.
    pub span: usize,
}

/// What a checkpoint may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Dict,
    Storage(DType),
    RebuildTensor,
    RebuildParameter,
    RebuildFromType,
    /// The type that [`Class::RebuildFromType`] is told.
    TensorType,
}

/// Every name, by module.
const NAMES: [(&str, &str, Class); 17] = [
    ("collections", "OrderedDict", Class::Dict),
    ("collections", "defaultdict", Class::Dict),
    ("torch._utils", "_rebuild_tensor_v2", Class::RebuildTensor),
    ("torch._utils", "_rebuild_parameter", Class::RebuildParameter),
    ("torch._tensor", "_rebuild_from_type_v2", Class::RebuildFromType),
    ("torch._tensor", "Tensor", Class::TensorType),
    ("torch", "Tensor", Class::TensorType),
    ("torch.nn.parameter", "Parameter", Class::TensorType),
    ("torch", "FloatStorage", Class::Storage(DType::F32)),
    ("torch", "DoubleStorage", Class::Storage(DType::F64)),
    ("torch", "HalfStorage", Class::Storage(DType::F16)),
    ("torch", "BFloat16Storage", Class::Storage(DType::BF16)),
    ("torch", "LongStorage", Class::Storage(DType::I64)),
    ("torch", "IntStorage", Class::Storage(DType::I32)),
    ("torch", "ShortStorage", Class::Storage(DType::I16)),
    ("torch", "ByteStorage", Class::Storage(DType::U8)),
    ("torch", "BoolStorage", Class::Storage(DType::U8)),
];

/// PyTorch's networks have no more dimensions.
const MOST_DIMENSIONS: usize = 8;

/// Why a pickle is not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It names something that is no part of a checkpoint.
    Code(String),
    /// It makes no sense.
    Damaged(String),
}

type Result<T> = std::result::Result<T, Refusal>;

fn damaged<T>(what: impl Into<String>) -> Result<T> {
    Err(Refusal::Damaged(what.into()))
}

impl Values {
    /// Reads the pickle `bytes` and tells the place of its result.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, Id)> {
        let mut machine =
            Machine { bytes, values: Self::default(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
        let result = loop {
            if let Some(result) = machine.step()? {
                break result;
            }
        };
        Ok((machine.values, result))
    }

    pub(crate) fn get(&self, id: Id) -> &Value {
        &self.0[id]
    }

    /// The value of a text.
    pub(crate) fn text(&self, id: Id) -> Option<&str> {
        if let Value::Text(text) = self.get(id) { Some(text) } else { None }
    }

    fn tuple(&self, id: Id) -> Option<&[Id]> {
        if let Value::Tuple(ids) = self.get(id) { Some(ids) } else { None }
    }

    /// A number that counts something.
    fn count(&self, id: Id) -> Option<usize> {
        if let Value::Int(n) = self.get(id) { usize::try_from(*n).ok() } else { None }
    }

    fn counts(&self, id: Id) -> Option<Vec<usize>> {
        let ids = self.tuple(id).filter(|ids| ids.len() <= MOST_DIMENSIONS)?;
        ids.iter().map(|&id| self.count(id)).collect()
    }

    /// ("storage", class, key, device, numbers).
    fn storage(&self, id: Id) -> Option<Storage> {
        let &[kind, class, key, _, numbers, ..] = self.tuple(id)? else { return None };
        let &Value::Class(Class::Storage(dtype)) = self.get(class) else { return None };
        if self.text(kind)? != "storage" {
            return None;
        }
        Some(Storage { key: self.text(key)?.to_owned(), dtype, numbers: self.count(numbers)? })
    }

    /// (storage, offset, shape, stride, ..).
    fn view(&self, arguments: Id) -> Option<View> {
        let &[storage, offset, shape, stride, ..] = self.tuple(arguments)? else { return None };
        let Value::Storage(Storage { numbers, .. }) = self.get(storage) else { return None };
        let (offset, shape, stride) = (self.count(offset)?, self.counts(shape)?, self.counts(stride)?);
        let elements = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n))?;
        let last = shape
            .iter()
            .zip(&stride)
            .try_fold(0usize, |sum, (&n, &step)| sum.checked_add(n.saturating_sub(1).checked_mul(step)?))?;
        let span = if elements == 0 { 0 } else { last.checked_add(1)? };
        let end = offset.checked_add(span)?;
        // Numbers that are repeated by a stride of 0 could be any number of them.
        let fits = shape.len() == stride.len() && end <= *numbers && elements <= *numbers;
        fits.then_some(View { storage, offset, shape, stride, span })
    }
}

/// The class of this name, if a checkpoint may name it.
fn class(module: &str, name: &str) -> Result<Value> {
    match NAMES.iter().find(|known| (known.0, known.1) == (module, name)) {
        Some(&(.., class)) => Ok(Value::Class(class)),
        None => {
            let shown: String = format!("{module}.{name}").chars().take(100).collect();
            Err(Refusal::Code(shown.escape_debug().to_string()))
        }
    }
}

struct Machine<'a> {
    /// What is left of the pickle.
    bytes: &'a [u8],
    values: Values,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Takes one instruction; the last one gives the result.
    fn step(&mut self) -> Result<Option<Id>> {
        match self.number(1)? as u8 {
            b'.' => return self.pop().map(Some),
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.since_mark()?),
            b'2' => {
                let last = self.last()?;
                self.stack.push(last);
            }
            b'N' | 0x88 | 0x89 => self.push(Value::Other),
            b'G' => {
                self.take(8)?;
                self.push(Value::Other);
            }
            b'K' => self.integer(1)?,
            b'M' => self.integer(2)?,
            b'J' => {
                let n = self.number(4)? as u32;
                self.push(Value::Int(n.cast_signed().into()));
            }
            0x8a => self.long()?,
            b'X' => self.text(4)?,
            0x8c | b'U' => self.text(1)?,
            b'T' => self.text(4)?,
            0x8d => self.text(8)?,
            b'B' => self.other(4)?,
            b'C' => self.other(1)?,
            0x8e => self.other(8)?,
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let items = self.since_mark()?;
                self.push(Value::Tuple(items));
            }
            b']' => self.push(Value::List(Vec::new())),
            b'l' => {
                let items = self.since_mark()?;
                self.push(Value::List(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.extend_list(vec![item])?;
            }
            b'e' => {
                let items = self.since_mark()?;
                self.extend_list(items)?;
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b'd' => {
                let items = self.since_mark()?;
                self.push(Value::Dict(Vec::new()));
                self.extend_dict(&items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.extend_dict(&[key, value])?;
            }
            b'u' => {
                let items = self.since_mark()?;
                self.extend_dict(&items)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(class(&module, &name)?);
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(class(&module, &name)?);
                return damaged("an instance of a class");
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.values.text(module), self.values.text(name)) {
                    (Some(module), Some(name)) => {
                        let class = class(module, name)?;
                        self.push(class);
                    }
                    _ => return damaged("a class without a name"),
                }
            }
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let made = self.call(callable, arguments)?;
                self.stack.push(made);
            }
            // Attributes, such as the versions of a network's modules.
            b'b' => drop(self.pop()?),
            b'Q' => {
                let id = self.pop()?;
                match self.values.storage(id) {
                    Some(storage) => self.push(Value::Storage(storage)),
                    None => return damaged("numbers that are described otherwise than PyTorch does"),
                }
            }
            b'q' => self.remember(1)?,
            b'r' => self.remember(4)?,
            0x94 => {
                let (place, last) = (self.memo.len() as u32, self.last()?);
                self.memo.insert(place, last);
            }
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            other => return damaged(format!("the instruction 0x{other:02x}")),
        }
        Ok(None)
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        match self.bytes.split_at_checked(n) {
            Some((taken, rest)) => {
                self.bytes = rest;
                Ok(taken)
            }
            None => damaged("an end before its end"),
        }
    }

    /// An unsigned number of up to 8 bytes, the lowest first.
    fn number(&mut self, bytes: usize) -> Result<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// A text up to the end of the line.
    fn line(&mut self) -> Result<String> {
        let Some(length) = self.bytes.iter().position(|&b| b == b'\n') else { return damaged("an end before its end") };
        let line = self.take(length + 1)?;
        Ok(String::from_utf8_lossy(&line[..length]).trim_end_matches('\r').to_owned())
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.0.len());
        self.values.0.push(value);
    }

    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn last(&self) -> Result<Id> {
        match self.stack.get(self.floor()..) {
            Some([.., last]) => Ok(*last),
            _ => damaged("an instruction without a value"),
        }
    }

    fn pop(&mut self) -> Result<Id> {
        let last = self.last()?;
        self.stack.pop();
        Ok(last)
    }

    fn since_mark(&mut self) -> Result<Vec<Id>> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => damaged("an instruction without a mark"),
        }
    }

    fn integer(&mut self, bytes: usize) -> Result<()> {
        let n = self.number(bytes)?;
        self.push(Value::Int(n as i64));
        Ok(())
    }

    /// A signed number of any length, of which 8 bytes are enough here.
    fn long(&mut self) -> Result<()> {
        let length = self.number(1)? as usize;
        if length > 8 {
            return damaged(format!("a number of {length} bytes"));
        }
        let n = self.number(length)?;
        let unused = 64 - 8 * length as u32;
        self.push(Value::Int(if length == 0 { 0 } else { (n << unused).cast_signed() >> unused }));
        Ok(())
    }

    /// Bytes after their length, itself of `width` bytes.
    fn sized(&mut self, width: usize) -> Result<&'a [u8]> {
        let length = self.number(width)?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn text(&mut self, width: usize) -> Result<()> {
        let bytes = self.sized(width)?;
        self.push(String::from_utf8(bytes.to_vec()).map_or(Value::Other, Value::Text));
        Ok(())
    }

    fn other(&mut self, width: usize) -> Result<()> {
        self.sized(width)?;
        self.push(Value::Other);
        Ok(())
    }

    fn tuple(&mut self, length: usize) -> Result<()> {
        let mut items = (0..length).map(|_| self.pop()).collect::<Result<Vec<_>>>()?;
        items.reverse();
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn extend_list(&mut self, items: Vec<Id>) -> Result<()> {
        let list = self.last()?;
        match &mut self.values.0[list] {
            Value::List(list) => list.extend(items),
            _ => return damaged("an item for something that is no list"),
        }
        Ok(())
    }

    fn extend_dict(&mut self, items: &[Id]) -> Result<()> {
        let dict = self.last()?;
        let (pairs, rest) = items.as_chunks();
        match &mut self.values.0[dict] {
            Value::Dict(dict) if rest.is_empty() => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            Value::Dict(_) => return damaged("a key without a value"),
            _ => return damaged("a key for something that is no dictionary"),
        }
        Ok(())
    }

    fn remember(&mut self, width: usize) -> Result<()> {
        let (place, last) = (self.number(width)? as u32, self.last()?);
        self.memo.insert(place, last);
        Ok(())
    }

    fn recall(&mut self, width: usize) -> Result<()> {
        let place = self.number(width)? as u32;
        match self.memo.get(&place) {
            Some(&id) => self.stack.push(id),
            None => return damaged("a value that was not there before"),
        }
        Ok(())
    }

    /// The place of what `callable` would make of `arguments`.
    fn call(&mut self, callable: Id, arguments: Id) -> Result<Id> {
        let &Value::Class(class) = self.values.get(callable) else {
            return damaged("a call of something that has no name");
        };
        let Some(given) = self.values.tuple(arguments) else { return damaged("a call without arguments") };
        match (class, given) {
            (Class::Dict, _) => {
                self.values.0.push(Value::Dict(Vec::new()));
                Ok(self.values.0.len() - 1)
            }
            (Class::RebuildTensor, _) => match self.values.view(arguments) {
                Some(view) => {
                    self.values.0.push(Value::Tensor(view));
                    Ok(self.values.0.len() - 1)
                }
                None => damaged("a tensor that its numbers cannot make"),
            },
            // (tensor, whether it is trained, hooks).
            (Class::RebuildParameter, &[tensor, ..]) if matches!(self.values.get(tensor), Value::Tensor(_)) => {
                Ok(tensor)
            }
            // (function, type, arguments, attributes).
            (Class::RebuildFromType, &[function, _, arguments, ..])
                if !matches!(self.values.get(function), Value::Class(Class::RebuildFromType)) =>
            {
                self.call(function, arguments)
            }
            _ => damaged("a call that makes no tensor"),
        }
    }
}
