//! Results as MediaPipe's Face Landmarker gives them in JavaScript: `frames`, each with `timestampMs`, the 52 scores
//! and, where the track has the head's rotation, a transformation matrix.
//!
//! The scores are in MediaPipe's order, so that programs that count on it work; ARKit's tongue, which MediaPipe lacks,
//! comes last where the track has it. Matrices are packed by columns and have no translation, which a track does not
//! know.

use std::io::{self, Write};

use moue_timeline::{Channel, HeadAxis, Interpolation, Shape, Track};

use crate::{numpy, rotation};

pub(super) fn write(track: &Track, mut output: impl Write) -> io::Result<()> {
    let has_head = HeadAxis::ALL.into_iter().any(|axis| track.has_channel(Channel::Head(axis)));
    let names = numpy::sorted().filter_map(|channel| match channel {
        Channel::Shape(shape) if shape != Shape::TongueOut || track.has_channel(channel) => Some(shape),
        _ => None,
    });
    let shapes: Vec<Shape> = names.collect();
    write!(output, "{{\"frames\":[")?;
    for (row, time) in track.times().iter().enumerate() {
        let separator = if row == 0 { "" } else { "," };
        let expression = track.sample(*time, Interpolation::Linear);
        write!(output, "{separator}\n{{\"timestampMs\":{},", (time - track.times()[0]) * 1000.0)?;
        write!(output, "\"faceBlendshapes\":[{{\"categories\":[")?;
        category(&mut output, 0, 0.0, "_neutral")?;
        for (index, shape) in shapes.iter().enumerate() {
            write!(output, ",")?;
            category(&mut output, index + 1, expression.get(*shape), shape.name())?;
        }
        write!(output, "],\"headIndex\":-1,\"headName\":\"\"}}]")?;
        if has_head {
            let matrix = rotation::matrix(expression.head);
            write!(output, ",\"facialTransformationMatrixes\":[{{\"rows\":4,\"columns\":4,\"data\":[")?;
            for at in 0..16 {
                let separator = if at == 0 { "" } else { "," };
                write!(output, "{separator}{}", matrix[at % 4][at / 4])?;
            }
            write!(output, "]}}]")?;
        }
        write!(output, "}}")?;
    }
    writeln!(output, "\n]}}")?;
    output.flush()
}

fn category(output: &mut impl Write, index: usize, score: f32, name: &str) -> io::Result<()> {
    write!(output, "{{\"index\":{index},\"score\":{score},\"categoryName\":\"{name}\",\"displayName\":\"\"}}")
}
