//! Whether bytes are an ONNX model, before the runtime gets them.
//!
//! The runtime believes the lengths in a file: where a damaged one reaches past the end of the file, or of the message
//! it is in, it reads on elsewhere, asks for any amount of memory, or goes back and round for ever. So every length is
//! compared with what is there first. The format is Protocol Buffers' (protobuf.dev, "Encoding"); messages and their
//! field numbers are those of ONNX's `onnx.proto`.

/// Messages in messages are at most so many deep: eight from a model to a dimension of a shape, and as many again for
/// each graph in an operator's attributes.
const MOST_DEPTH: usize = 64;

/// A message of ONNX's, as far as there are others in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    SequenceType,
    Shape,
    /// One without others in it.
    Plain,
}

impl Message {
    /// What a field holds if it is a message that the runtime reads.
    fn inner(self, field: u64) -> Option<Self> {
        Some(match (self, field) {
            (Self::Model, 7) | (Self::Attribute, 6) => Self::Graph,
            (Self::Model, 8 | 14) | (Self::Tensor, 13) | (Self::Shape, 1) => Self::Plain,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5) => Self::Tensor,
            (Self::Graph, 11..=13) => Self::ValueInfo,
            (Self::Node, 5) => Self::Attribute,
            (Self::ValueInfo, 2) | (Self::SequenceType, 1) => Self::Type,
            (Self::Type, 1) => Self::TensorType,
            (Self::Type, 4) => Self::SequenceType,
            (Self::TensorType, 2) => Self::Shape,
            _ => return None,
        })
    }
}

/// Looks through a whole model.
///
/// # Errors
/// What is there in the place of one.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut reader = Reader { bytes, place: 0 };
    let mut has_graph = false;
    reader.message(Message::Model, bytes.len(), 0, &mut |message, field| {
        has_graph |= (message, field) == (Message::Model, 7);
    })?;
    if has_graph { Ok(()) } else { Err("a file without a graph".to_owned()) }
}

struct Reader<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl Reader<'_> {
    /// Goes through a message that ends at `end`.
    fn message(
        &mut self,
        message: Message,
        end: usize,
        depth: usize,
        seen: &mut dyn FnMut(Message, u64),
    ) -> Result<(), String> {
        if depth > MOST_DEPTH {
            return Err(format!("more than {MOST_DEPTH} messages in each other before byte {}", self.place));
        }
        while self.place < end {
            let start = self.place;
            let tag = self.varint(end)?;
            let (field, wire) = (tag >> 3, tag & 7);
            if field == 0 {
                return Err(format!("a field without a number at byte {start}"));
            }
            seen(message, field);
            match wire {
                0 => drop(self.varint(end)?),
                1 => self.skip(8, end)?,
                5 => self.skip(4, end)?,
                2 => {
                    let length = self.varint(end)?;
                    match message.inner(field) {
                        Some(inner) => {
                            let end = self.reach(length, end)?;
                            self.message(inner, end, depth + 1, seen)?;
                        }
                        None => self.skip(length, end)?,
                    }
                }
                _ => return Err(format!("a field of the unknown kind {wire} at byte {start}")),
            }
        }
        Ok(())
    }

    /// Where `length` bytes from here end, which must not be past `end`.
    fn reach(&self, length: u64, end: usize) -> Result<usize, String> {
        let reach = usize::try_from(length).ok().and_then(|length| self.place.checked_add(length));
        reach.filter(|&reach| reach <= end).ok_or_else(|| {
            format!("a field of {length} bytes at byte {}, where {} are left", self.place, end - self.place)
        })
    }

    fn skip(&mut self, length: u64, end: usize) -> Result<(), String> {
        self.place = self.reach(length, end)?;
        Ok(())
    }

    /// A number of up to 64 bits, seven in each byte, the lowest first.
    fn varint(&mut self, end: usize) -> Result<u64, String> {
        let start = self.place;
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.bytes.get(self.place).filter(|_| self.place < end);
            let Some(&byte) = byte else { return Err(format!("an end within a number at byte {start}")) };
            self.place += 1;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(format!("a number of more than 64 bits at byte {start}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that holds bytes, or a message.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2], &varint(content.len() as u64)[..], content].concat()
    }

    fn varint(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    /// A model with a constant of two numbers.
    fn model() -> Vec<u8> {
        let tensor = [&[0x08, 2, 0x10, 1][..], &field(9, &[0; 8]), &field(8, b"two")].concat();
        let dimension = [0x08, 2];
        let shape = field(1, &dimension);
        let kind = field(1, &[&[0x08, 1][..], &field(2, &shape)].concat());
        let value = [field(1, b"two"), field(2, &kind)].concat();
        let attribute = [&field(1, b"alpha")[..], &[0x15, 0, 0, 0x80, 0x3f]].concat();
        let node = [field(1, b"two"), field(4, b"Elu"), field(5, &attribute)].concat();
        let graph = [field(1, &node), field(5, &tensor), field(12, &value)].concat();
        [&[0x08, 8][..], &field(2, b"test"), &field(7, &graph), &field(8, &[0x10, 13])].concat()
    }

    fn refused(bytes: &[u8], found: &str) {
        let text = check(bytes).unwrap_err();
        assert!(text.contains(found), "{text}");
    }

    #[test]
    fn a_whole_model_passes() {
        assert_eq!(check(&model()), Ok(()));
        assert_eq!(check(include_bytes!("../models/face_detector.onnx")), Ok(()));
    }

    #[test]
    fn what_is_cut_off_is_refused_wherever() {
        let model = model();
        // What follows the graph may be missing: the runtime knows what to make of that.
        let graph_end = model.len() - 4;
        for length in 0..graph_end {
            assert!(check(&model[..length]).is_err(), "{length} bytes");
        }
        assert_eq!(check(&model[..graph_end]), Ok(()));
    }

    #[test]
    fn lengths_past_the_end_are_refused_at_any_depth() {
        let model = model();
        assert_eq!(&model[12..17], b"\x0a\x03two", "the node's first field");
        // The lengths of the name of the producer, of the graph, of the node in it and of that field.
        for place in [3, 9, 11, 13] {
            let mut damaged = model.clone();
            damaged[place] = 127;
            assert!(check(&damaged).is_err(), "byte {place}");
        }
        // A graph that would end after the file's last byte, if only by one.
        let mut damaged = model.clone();
        damaged[9] = (model.len() - 9) as u8;
        assert!(check(&damaged).is_err());
    }

    #[test]
    fn a_length_that_leads_back_is_refused() {
        // 11 bytes in, and 11 back: read as a signed number, as the runtime does, this goes on for ever.
        let back = [&[6 << 3 | 2][..], &varint(11u64.wrapping_neg())].concat();
        refused(&back, "a field of 18446744073709551605 bytes at byte 11, where 0 are left");
        refused(&field(7, &field(2, &back)[2..]), "18446744073709551605 bytes");
        let far = [&[6 << 3 | 2][..], &varint(1 << 40), b"abc"].concat();
        refused(&far, "a field of 1099511627776 bytes at byte 7, where 3 are left");
    }

    #[test]
    fn what_no_message_has_is_refused() {
        refused(&[], "without a graph");
        refused(&field(2, b"only a name"), "without a graph");
        refused(&[0x02, 0], "a field without a number at byte 0");
        refused(&[0x0b, 0x0c], "the unknown kind 3 at byte 0");
        refused(&[0x08, 0x80], "an end within a number at byte 1");
        refused(&[&[0x08][..], &[0xff; 10], &[1]].concat(), "more than 64 bits at byte 1");
        refused(&[0x09, 1, 2, 3], "a field of 8 bytes at byte 1, where 3 are left");
    }

    #[test]
    fn messages_in_messages_have_an_end() {
        // Graphs in the attributes of nodes of graphs.
        let nested = |times: usize| (0..times).fold(Vec::new(), |graph, _| field(1, &field(5, &field(6, &graph))));
        assert_eq!(check(&field(7, &nested(20))), Ok(()));
        refused(&field(7, &nested(2000)), "more than 64 messages in each other");
    }
}
