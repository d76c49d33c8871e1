//! Files of `torch.save`: good ones, those with code in them, and broken ones.

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use moue_weights::WeightFile;

use crate::helpers::{file, says, zip};

/// Bytes of a pickle, instruction by instruction.
#[derive(Clone, Default)]
pub(crate) struct Pickle(pub Vec<u8>);

impl Pickle {
    pub(crate) fn new() -> Self {
        Self(vec![0x80, 2])
    }

    pub(crate) fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    fn text(self, text: &str) -> Self {
        self.raw(b"X").raw((text.len() as u32).to_le_bytes()).raw(text)
    }

    fn class(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n"))
    }

    fn counts(self, counts: &[u8]) -> Self {
        counts.iter().fold(self.raw("("), |pickle, &n| pickle.raw([b'K', n])).raw("t")
    }

    /// A view of the storage "0".
    fn tensor(self, storage: &str, numbers: u8, offset: u8, shape: &[u8], stride: &[u8]) -> Self {
        self.class("torch._utils", "_rebuild_tensor_v2")
            .raw("((")
            .text("storage")
            .class("torch", storage)
            .text("0")
            .text("cpu")
            .raw([b'K', numbers])
            .raw("tQ")
            .raw([b'K', offset])
            .counts(shape)
            .counts(stride)
            .raw([0x89])
            .class("collections", "OrderedDict")
            .raw(")RtR")
    }

    /// Ends a dictionary of which one value was written.
    fn only(value: Self, name: &str) -> Self {
        Self::new().raw("}").text(name).raw(&value.0).raw("s.")
    }

    pub(crate) fn zip(&self) -> Vec<u8> {
        let numbers: Vec<u8> = (0..6).flat_map(|n| (n as f32).to_le_bytes()).collect();
        zip(&[("archive/data.pkl", &self.0), ("archive/data/0", &numbers), ("archive/version", b"3\n")])
    }
}

fn part() -> Pickle {
    Pickle::default()
}

/// {"a": 2x3, "inner": {"b": its transpose, "c": its last row}, "epoch": 7}.
pub(crate) fn good() -> Pickle {
    let inner = part()
        .raw("}(")
        .text("b")
        .tensor("FloatStorage", 6, 0, &[3, 2], &[1, 3])
        .text("c")
        .tensor("FloatStorage", 6, 3, &[3], &[1])
        .raw("u");
    Pickle::new()
        .class("collections", "OrderedDict")
        .raw(")Rq\0(")
        .text("a")
        .tensor("FloatStorage", 6, 0, &[2, 3], &[3, 1])
        .text("inner")
        .raw(&inner.0)
        .text("epoch")
        .raw([b'K', 7])
        .raw("u}")
        .text("_metadata")
        .raw("}sb.")
}

pub(crate) fn open(name: &str, bytes: &[u8]) -> (PathBuf, Result<WeightFile, moue_weights::WeightsError>) {
    let path = file(name, bytes);
    let opened = WeightFile::open(&path);
    (path, opened)
}

#[track_caller]
fn refused(name: &str, bytes: &[u8], parts: &[&str]) {
    let (path, opened) = open(name, bytes);
    says(opened.unwrap_err(), &path, parts);
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn tensors_are_read_whatever_their_strides() {
    let (_, opened) = open("pickles/good.bin", &good().zip());
    let opened = opened.unwrap();
    assert_eq!(opened.tensors().keys().collect::<Vec<_>>(), ["a", "inner.b", "inner.c"]);
    let [a, b, c] = ["a", "inner.b", "inner.c"].map(|name| opened.read(name).unwrap());
    assert_eq!((a.dims(), values(&a)), (&[2, 3][..], vec![0., 1., 2., 3., 4., 5.]));
    assert_eq!((b.dims(), values(&b)), (&[3, 2][..], vec![0., 3., 1., 4., 2., 5.]));
    assert_eq!((c.dims(), values(&c)), (&[3][..], vec![3., 4., 5.]));
}

#[test]
fn parameters_are_their_tensors() {
    let tensor = part().tensor("FloatStorage", 6, 0, &[2, 2], &[3, 2]);
    let parameter = part().class("torch._utils", "_rebuild_parameter").raw("(").raw(&tensor.0).raw([0x88]).raw("}tR");
    let typed = part()
        .class("torch._tensor", "_rebuild_from_type_v2")
        .raw("(")
        .class("torch._utils", "_rebuild_parameter")
        .class("torch.nn.parameter", "Parameter")
        .raw("(")
        .raw(&tensor.0)
        .raw([0x88])
        .raw("}t}tR");
    for value in [tensor, parameter, typed] {
        let (_, opened) = open("pickles/parameter.bin", &Pickle::only(value, "p").zip());
        assert_eq!(values(&opened.unwrap().read("p").unwrap()), [0., 2., 3., 5.]);
    }
}

/// Pickles with code, and the name that each of them wants to call. Run by Python, all but the last few would write
/// the file `mark`.
fn evil(mark: &Path) -> Vec<(String, Pickle, &'static str)> {
    let command = format!("touch {}", mark.display());
    let system = |module: &str| part().class(module, "system").raw("(").text(&command).raw("tR");
    let tensor = part().tensor("FloatStorage", 6, 0, &[2, 3], &[3, 1]);
    let eval = format!("open({:?}, 'w')", mark.display().to_string());
    let mut pickles = vec![
        ("alone", Pickle::new().raw(&system("posix").0).raw("."), "posix.system"),
        ("value", Pickle::only(system("os"), "a"), "os.system"),
        ("windows", Pickle::only(system("nt"), "a"), "nt.system"),
        ("key", Pickle::new().raw("}").raw(&system("posix").0).raw("Ns."), "posix.system"),
        // Thrown away before the dictionary is made: the result does not show it.
        ("dropped", Pickle::new().raw(&system("posix").0).raw("0}").text("a").raw(&tensor.0).raw("s."), "posix.system"),
        ("below", Pickle::new().raw(&system("posix").0).raw("}").text("a").raw(&tensor.0).raw("s."), "posix.system"),
        // As an argument that only Python would look at.
        (
            "argument",
            Pickle::only(part().class("collections", "OrderedDict").raw("(").raw(&system("posix").0).raw("tR"), "a"),
            "posix.system",
        ),
        (
            "state",
            Pickle::new().raw("}").text("a").raw(&tensor.0).raw("s").raw(&system("posix").0).raw("b."),
            "posix.system",
        ),
        ("eval", Pickle::only(part().class("builtins", "eval").raw("(").text(&eval).raw("tR"), "a"), "builtins.eval"),
        (
            "python 2",
            Pickle::only(part().class("__builtin__", "eval").raw("(").text(&eval).raw("tR"), "a"),
            "__builtin__.eval",
        ),
        // Protocol 4: the name from the stack, new objects, an instance of protocol 0.
        (
            "stack",
            Pickle::only(part().text("builtins").text("exec").raw([0x93]).raw("(").text(&eval).raw("tR"), "a"),
            "builtins.exec",
        ),
        (
            "new",
            Pickle::only(part().class("subprocess", "Popen").text(&command).raw([0x85, 0x81]), "a"),
            "subprocess.Popen",
        ),
        ("instance", Pickle::only(part().raw("(").text(&command).raw("ios\nsystem\n"), "a"), "os.system"),
        ("memo", Pickle::new().class("posix", "system").raw("q\x010h\x01(").text(&command).raw("tR."), "posix.system"),
        // A tensor of a type of one's own, and one's own way to make it.
        (
            "function",
            Pickle::only(
                part()
                    .class("torch._tensor", "_rebuild_from_type_v2")
                    .raw("(")
                    .class("posix", "system")
                    .class("torch", "Tensor")
                    .text(&command)
                    .raw([0x85])
                    .raw("}tR"),
                "a",
            ),
            "posix.system",
        ),
        (
            "subclass",
            Pickle::only(part().class("evil", "Tensor").raw("(").raw(&tensor.0).raw("tR"), "a"),
            "evil.Tensor",
        ),
        ("main", Pickle::only(part().class("__main__", "Net").raw(")R}b"), "a"), "__main__.Net"),
        // Names that only begin or end as harmless ones do.
        (
            "dotted",
            Pickle::only(part().class("torch", "serialization.os.system"), "a"),
            "torch.serialization.os.system",
        ),
        ("storage", Pickle::only(part().class("torch", "hub.load.Storage").raw(")R"), "a"), "torch.hub.load.Storage"),
        ("module", Pickle::only(part().class("torch.evil", "FloatStorage"), "a"), "torch.evil.FloatStorage"),
        ("unused", Pickle::new().class("posix", "system").raw("0}").text("a").raw(&tensor.0).raw("s."), "posix.system"),
        ("control", Pickle::only(part().class("e\u{1b}[2Jvil", "x"), "a"), r"e\u{1b}[2Jvil.x"),
    ];
    pickles.drain(..).map(|(name, pickle, callable)| (name.to_owned(), pickle, callable)).collect()
}

#[test]
fn code_is_refused_by_its_name_and_never_run() {
    let mark = file("pickles/mark", "").with_extension("made");
    let _ = std::fs::remove_file(&mark);
    let evil = evil(&mark);
    assert!(evil.len() > 20);
    for (name, pickle, callable) in evil {
        eprintln!("{name}");
        refused(
            "pickles/evil.bin",
            &pickle.zip(),
            &[
                &format!("found a pickle that wants to call {callable}, expected"),
                "a pickle of tensors and dictionaries only",
                "nothing of it was run",
            ],
        );
        assert!(!mark.exists(), "{name} was run");
    }
}

/// A class is there to be named in the description of numbers; calling it makes nothing.
#[test]
fn harmless_names_make_nothing_else_than_tensors() {
    let calls = [
        part().class("torch", "FloatStorage").raw(")R"),
        part().class("torch", "FloatStorage").raw("(K\x7ftR"),
        part().class("torch._utils", "_rebuild_parameter").raw(")R"),
        part().class("torch._tensor", "_rebuild_from_type_v2").raw("(NNtR"),
        part().class("collections", "OrderedDict").raw("NR"),
        part().class("collections", "OrderedDict").raw(")R)R"),
        part().text("posix.system").text("true").raw([0x85]).raw("R"),
    ];
    for call in calls {
        refused("pickles/call.bin", &Pickle::only(call, "a").zip(), &["found a pickle with a call", "pull"]);
    }
    let nested = part().class("torch._tensor", "_rebuild_from_type_v2").raw("q\x01(h\x01h\x01)}tR");
    refused("pickles/call.bin", &Pickle::only(nested, "a").zip(), &["a call that makes no tensor"]);
}

#[test]
fn a_zip_that_is_none_of_pytorch() {
    let expected = "expected a whole PyTorch zip pickle";
    let pickle = good().0;
    refused(
        "pickles/a.bin",
        &zip(&[("word/document.xml", b"<x/>")]),
        &["a zip with 0 members named data.pkl", expected],
    );
    refused("pickles/a.bin", &zip(&[("a/xdata.pkl", &pickle)]), &["a zip with 0 members named data.pkl"]);
    let two = zip(&[("a/data.pkl", &pickle), ("b/data.pkl", &pickle)]);
    refused("pickles/a.bin", &two, &["a zip with 2 members named data.pkl", expected]);
    refused("pickles/a.bin", &zip(&[("archive/data.pkl", b"")]), &["a pickle with an end before its end"]);
    refused("pickles/a.bin", &zip(&[("archive/data.pkl", &pickle)]), &["found no member archive/data/0, of a"]);
    let short = zip(&[("archive/data.pkl", &pickle), ("archive/data/0", &[0; 20])]);
    refused("pickles/a.bin", &short, &["member archive/data/0 of 20 bytes where 6 numbers of F32 should be, of a"]);
    refused("pickles/a.bin", &Pickle::new().raw("].").zip(), &["a pickle that is no dictionary of tensors", expected]);
    refused("pickles/a.bin", &Pickle::new().raw("}.").zip(), &["a pickle without tensors", expected]);
}

#[test]
fn a_zip_that_was_cut_short() {
    let whole = good().zip();
    for length in (5..whole.len()).step_by(7) {
        let parts = ["found a zip that cannot be read", "expected a whole PyTorch zip pickle", "moue models pull"];
        refused("pickles/cut.bin", &whole[..length], &parts);
    }
}

#[test]
fn tensors_that_their_numbers_cannot_make() {
    let found = "found a pickle with a tensor that its numbers cannot make";
    for (offset, shape, stride) in [
        (1, &[2, 3][..], &[3, 1][..]),
        (0, &[2, 4], &[4, 1]),
        (0, &[2, 3], &[4, 1]),
        (0, &[2, 3], &[3]),
        (7, &[], &[]),
        // A stride of 0 could make any number of numbers from one.
        (0, &[255, 255, 255, 255, 255, 255], &[0, 0, 0, 0, 0, 0]),
        (0, &[1, 1, 1, 1, 1, 1, 1, 1, 1], &[1, 1, 1, 1, 1, 1, 1, 1, 1]),
    ] {
        let tensor = part().tensor("FloatStorage", 6, offset, shape, stride);
        refused("pickles/view.bin", &Pickle::only(tensor, "a").zip(), &[found]);
    }
    // Negative sizes, and sizes whose product is no number.
    for number in [&b"J\xff\xff\xff\xff"[..], b"\x8a\x01\xff", b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"] {
        let size = part().raw("(").raw(number).raw(number).raw("t");
        let good = part().tensor("FloatStorage", 6, 0, &[2, 3], &[3, 1]).0;
        let shape = part().counts(&[2, 3]).0;
        let at = good.windows(shape.len()).position(|window| window == shape).unwrap();
        let bad = part().raw(&good[..at]).raw(&size.0).raw(&good[at + shape.len()..]);
        refused("pickles/view.bin", &Pickle::only(bad, "a").zip(), &[found]);
    }
    let numbers = part().raw("(").text("storage").raw("NNNNtQ");
    let found = "numbers that are described otherwise than PyTorch does";
    refused("pickles/view.bin", &Pickle::only(numbers, "a").zip(), &[found]);
}

/// Some hundred bytes that would take all memory, or all of the stack, if they were done as they say.
#[test]
fn bombs_do_not_go_off() {
    // Each tuple holds the last one twice: 2^200 of them.
    let doubled = (0..200).fold(Pickle::new().raw(")"), |pickle, _| pickle.raw(b"q\x01h\x01\x86"));
    // Tuples in tuples, lists in themselves.
    let nested = Pickle::new().raw(")").raw(vec![0x85; 1_000_000]);
    let own = Pickle::new().raw("]q\x01h\x01a");
    for bomb in [doubled, nested, own] {
        refused("pickles/bomb.bin", &bomb.raw(".").zip(), &["a pickle that is no dictionary of tensors"]);
    }
    // Lengths of gigabytes that are not there.
    for length in [&b"X\xff\xff\xff\xff"[..], b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff", b"T\0\0\0\x80", b"\x8a\xff"] {
        refused("pickles/bomb.bin", &Pickle::new().raw(length).zip(), &["found a pickle with "]);
    }
    // One dictionary of a thousand values, a thousand times.
    let mut dictionary = part().raw("}(");
    for i in 0..1000 {
        dictionary = dictionary.text(&i.to_string()).raw("N");
    }
    let mut many = Pickle::new().raw("}(").text("0").raw(&dictionary.raw("uq\x01").0);
    for i in 1..1000 {
        many = many.text(&i.to_string()).raw("h\x01");
    }
    refused("pickles/bomb.bin", &many.raw("u.").zip(), &["a pickle of more than 100000 values"]);
    let name = "n".repeat(1001);
    let named = part().tensor("FloatStorage", 6, 0, &[2, 3], &[3, 1]);
    refused("pickles/bomb.bin", &Pickle::only(named, &name).zip(), &["a pickle with a name of 1001 bytes"]);
}

#[test]
fn broken_pickles_say_what_is_wrong() {
    for (pickle, found) in [
        (Pickle::new().raw("t."), "an instruction without a mark"),
        (Pickle::new().raw("R."), "an instruction without a value"),
        (Pickle::new().raw("(R."), "an instruction without a value"),
        (Pickle::new().raw("h\x05."), "a value that was not there before"),
        (Pickle::new().raw(b"\x8a\x09123456789."), "a number of 9 bytes"),
        (Pickle::new().raw("NNs."), "an instruction without a value"),
        (Pickle::new().raw("NNNs."), "a key for something that is no dictionary"),
        (Pickle::new().raw("}(Nu."), "a key without a value"),
        (Pickle::new().raw("NNa."), "an item for something that is no list"),
        (Pickle::new().raw(b"NN\x93."), "a class without a name"),
        (Pickle::new().raw("cposix"), "an end before its end"),
        (Pickle::new().raw("}"), "an end before its end"),
        (Pickle::new().raw([0xff]), "the instruction 0xff"),
    ] {
        refused("pickles/broken.bin", &pickle.zip(), &[&format!("found a pickle with {found}"), "moue models pull"]);
    }
}
