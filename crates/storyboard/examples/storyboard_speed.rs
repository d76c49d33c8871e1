//! How fast storyboards are read and sampled: `cargo run --release -p moue-storyboard --example storyboard_speed`.
#![allow(clippy::print_stdout, reason = "it is what this program is for")]

use std::{error::Error, path::Path, sync::Arc, time::Instant};

use moue_storyboard::{Files, Storyboard};
use moue_timeline::Track;

/// A storyboard in memory whose media are all there.
struct Memory(String);

impl Files for Memory {
    fn read(&self, _: &Path) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }

    fn check_portrait(&self, _: &Path) -> Result<(), String> {
        Ok(())
    }

    fn sound_seconds(&self, _: &Path) -> Result<f64, String> {
        Ok(4.0)
    }

    fn motion_seconds(&self, _: &Path) -> Result<f64, String> {
        Ok(4.0)
    }
}

/// Shots of 7.2 s with five beats each: 500 of them are an hour.
fn board(shots: usize) -> String {
    let mut text =
        "moue: 1\noutput: {fps: 60}\ncast: {ada: ada.png, bo: bo.png}\ndefaults: {length: 7.2s, over: 0.5s}\n\
        expressions: {glee: delight*0.8 + AU6*0.1, unsure: doubt*0.6 + mirror(contempt)*0.2}\nshots:\n"
            .to_owned();
    for shot in 0..shots {
        let (who, carry) = if shot % 2 == 0 { ("ada", "false") } else { ("bo", "true") };
        text += &format!(
            "  - name: shot {shot}\n    character: {who}\n    carry: {carry}\n    caption: What happens in shot {shot}.\n    \
             sound: {{file: sounds/{shot}.wav, at: 0.5s}}\n    framing: head to head*1.1\n    beats:\n      \
             - at 0.8s to glee*0.9 + head_yaw*3, hold 0.4s\n      - then 0.5s to unsure, ease spring\n      \
             - {{at: 3s, also: {{head_pitch: 4}}, over: 1s}}\n      - at 4s flash micro_fear\n      - at 6s to surprise*0.7\n"
        );
    }
    text
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = Path::new("board.yaml");
    let files = Memory(board(500));
    let mut best = f64::INFINITY;
    for _ in 0..10 {
        let start = Instant::now();
        Storyboard::read(path, &files)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("500 shots, {} KiB: read and checked in {:.1} ms", files.0.len() / 1024, best * 1e3);

    let storyboard = Storyboard::read(path, &files)?.0;
    let start = Instant::now();
    let timelines = storyboard.timelines(|motion| -> Result<Arc<Track>, String> { Err(format!("{motion:?}")) })?;
    let made = start.elapsed().as_secs_f64();
    let mut sum = 0.0;
    let start = Instant::now();
    for (shot, timeline) in storyboard.shots.iter().zip(&timelines) {
        for frame in 0..shot.frames {
            sum += f64::from(timeline.sample(frame).expression.shapes[17]);
        }
    }
    let sampled = start.elapsed().as_secs_f64();
    let frames = storyboard.frame_count();
    println!(
        "an hour at 60 frames per second, {frames} frames: timelines {:.1} ms, sampled in {sampled:.3} s",
        made * 1e3
    );
    println!("mean jawOpen {:.4}", sum / frames as f64);
    Ok(())
}
