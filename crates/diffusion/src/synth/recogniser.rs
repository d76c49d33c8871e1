//! A face recogniser that recognises nobody: an ONNX file with the right input and output.
//!
//! Field numbers and types are those of `onnx.proto` (IR version 8, operator set 13); the encoding is protobuf's.

use super::tensors::{Draw, values};

/// Blocks along a side of the picture whose colours are averaged.
const BLOCKS: usize = 4;
/// Pixels along a side of the picture.
const SIDE: usize = 112;
const CHANNELS: usize = 3;
const OUTPUTS: usize = crate::FACE_VECTOR;
/// `TensorProto.DataType.FLOAT`.
const FLOAT: u64 = 1;

/// The file: mean colours of 4x4 blocks, times a random matrix. (1, 3, 112, 112) -> (1, 512).
pub(super) fn recogniser(seed: u64) -> Vec<u8> {
    let inputs = CHANNELS * BLOCKS * BLOCKS;
    let draw = Draw::Uniform { deviation: 1.0 / (inputs as f32).sqrt() };
    let weight: Vec<u8> = values(draw, seed, inputs * OUTPUTS).iter().flat_map(|value| value.to_le_bytes()).collect();
    let initializer = Message::default()
        .number(1, inputs as u64)
        .number(1, OUTPUTS as u64)
        .number(2, FLOAT)
        .text(8, "weight")
        .bytes(9, &weight);
    let pixels = (SIDE / BLOCKS) as u64;
    let pool = node("AveragePool", &["input"], "pooled")
        .message(5, &integers("kernel_shape", &[pixels, pixels]))
        .message(5, &integers("strides", &[pixels, pixels]));
    let graph = Message::default()
        .message(1, &pool)
        .message(1, &node("Flatten", &["pooled"], "flat"))
        .message(1, &node("MatMul", &["flat", "weight"], "embedding"))
        .text(2, "synthetic recogniser")
        .message(5, &initializer)
        .message(11, &tensor("input", &[1, CHANNELS, SIDE, SIDE]))
        .message(12, &tensor("embedding", &[1, OUTPUTS]));
    let operators = Message::default().number(2, 13);
    Message::default().number(1, 8).text(2, "moue").message(7, &graph).message(8, &operators).0
}

/// `NodeProto`.
fn node(kind: &str, inputs: &[&str], output: &str) -> Message {
    let node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
    node.text(2, output).text(3, output).text(4, kind)
}

/// `AttributeProto` with a list of whole numbers.
fn integers(name: &str, values: &[u64]) -> Message {
    const INTS: u64 = 7;
    let attribute = Message::default().text(1, name);
    values.iter().fold(attribute, |attribute, &value| attribute.number(8, value)).number(20, INTS)
}

/// `ValueInfoProto` of a tensor.
fn tensor(name: &str, shape: &[usize]) -> Message {
    let dimension = |size: usize| Message::default().number(1, size as u64);
    let shape = shape.iter().fold(Message::default(), |shape, &size| shape.message(1, &dimension(size)));
    let tensor = Message::default().number(1, FLOAT).message(2, &shape);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

/// A protobuf message, built field by field.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn number(self, field: u64, value: u64) -> Self {
        self.varint(field << 3).varint(value)
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        const LENGTH_DELIMITED: u64 = 2;
        let mut message = self.varint(field << 3 | LENGTH_DELIMITED).varint(bytes.len() as u64);
        message.0.extend(bytes);
        message
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, message: &Message) -> Self {
        self.bytes(field, &message.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_above_a_byte_take_two() {
        // The example of protobuf's documentation: field 1 is 150.
        assert_eq!(Message::default().number(1, 150).0, [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().text(2, "testing").0[..2], [0x12, 7]);
    }
}
