//! Reads a video, or a part of it, and writes its frames with the sound beside them.
//!
//! ```text
//! cargo run --release -p moue-media --example copy_video SOURCE OUTPUT [START [END]]
//! ```
//! The output has the source's nominal frame rate (25 if there is none); each frame shows what the source shows then.
#![allow(clippy::print_stdout, reason = "it tells what it does")]

use std::error::Error;
use std::sync::Arc;

use moue_media::{EncoderSettings, Output, Soundtrack, Source, VideoFormat, VideoReader};
use moue_timeline::FrameRate;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, output, range @ ..] = &arguments[..] else {
        return Err("expected SOURCE OUTPUT [START [END]]".into());
    };
    let source = Source::parse(source)?;
    let time = |index: usize| range.get(index).map(|text| text.parse::<f64>()).transpose();
    let (start, end) = (time(0)?, time(1)?);

    let mut reader = VideoReader::open_range(&source, start, end)?;
    println!("{:#?}", reader.info());
    let Some(video) = &reader.info().video else { return Err("no video".into()) };
    let rate = video.rate.unwrap_or(FrameRate::FPS_25);
    let even = |length: u32| length / 2 * 2;
    let format = VideoFormat::new(even(video.size.0), even(video.size.1), rate);
    let soundtrack = Soundtrack { start: start.unwrap_or(0.0), ..Soundtrack::new(source) };
    let output = Output::parse(output)?;
    let (mut sink, sound) = output.open_with_sound(&format, &EncoderSettings::default(), &soundtrack, true)?;
    println!("{sound}");

    let (mut shown, mut written) = (None, 0);
    loop {
        let next = match reader.next().transpose() {
            Ok(next) => next,
            Err(error) => {
                println!("{error}");
                None
            }
        };
        // Until the next frame comes up, the one before it stays.
        let until = match (&next, &shown) {
            (Some((pts, _)), _) => rate.frames_in(pts.as_seconds()),
            (None, _) => written + 1,
        };
        while let Some(frame) = shown.as_ref().filter(|_| written < until) {
            sink.write(frame)?;
            written += 1;
        }
        let Some((_, image)) = next else { break };
        let cropped = image::imageops::crop_imm(&image, 0, 0, format.width, format.height).to_image();
        shown = Some(Arc::new(cropped));
    }
    let written = sink.finish()?;
    println!("{} frames, {} bytes, {:?}", written.frames, written.bytes, written.notes);
    Ok(())
}
