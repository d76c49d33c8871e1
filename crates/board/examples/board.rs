//! Writes the board of a storyboard with made-up faces, to look at: `board.html`, `board.pdf` and `board.png`.
//!
//! `cargo run -p moue-board --example board -- examples/storyboards/interview.yaml out/interview`
//!
//! Sounds and motions are not opened: each lasts four seconds.

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use moue_board::Board;
use moue_charts::draw::{Canvas, Colour, raster};
use moue_storyboard::{Files, OutputSize, Panel, Storyboard};

struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error| error.to_string())
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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [file, folder] = paths.as_slice() else {
        return Err("found other arguments, expected a storyboard and a folder".into());
    };
    let (storyboard, _) = Storyboard::read(file, &Disk).map_err(|wrong| wrong.to_string())?;
    let size = match storyboard.output.size {
        OutputSize::Pixels { width, height } => [width, height],
        OutputSize::Source => [512, 640],
    };
    let pictures: Vec<RgbImage> =
        storyboard.panels().iter().map(|panel| face(panel, storyboard.shots[panel.shot].character, size)).collect();
    let board = Board::new(&storyboard, &pictures)?;
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("board.html"), board.html())?;
    std::fs::write(folder.join("board.pdf"), board.pdf()?)?;
    board.sheet().save(folder.join("board.png"))?;
    Ok(())
}

/// A face that smiles, is sad or wonders, before a gradient.
fn face(panel: &Panel<'_>, character: usize, [width, height]: [u32; 2]) -> RgbImage {
    let says = |words: &[&str]| words.iter().any(|word| panel.expression.is_some_and(|text| text.contains(word)));
    let mouth = match () {
        () if says(&["smile", "delight", "happiness", "polite"]) => 0.5,
        () if says(&["sad", "doubt", "fear", "disgust", "caught", "anger"]) => -0.4,
        () => 0.05,
    };
    let (w, h) = (f64::from(width), f64::from(height));
    let mut canvas = Canvas::new(w, h);
    let (x, y, radius) = (w * 0.5, h * 0.52, w.min(h) * 0.36);
    let skin = [[0xe8, 0xbd, 0x9c], [0xa8, 0x74, 0x55], [0xd9, 0xa0, 0x7c]][character % 3];
    canvas.dot([x, y], radius, Colour(skin));
    let dark = Colour([0x38, 0x28, 0x22]);
    let open = if says(&["surprise", "fear"]) { 1.6 } else { 1.0 };
    for side in [-0.36, 0.36] {
        canvas.dot([x + side * radius, y - 0.18 * radius], 0.09 * open * radius, dark);
    }
    let at = |share: f64| [x + share * radius * 0.5, y + radius * (0.42 + mouth * (0.25 - 0.5 * share * share))];
    for step in 0..24 {
        let share = f64::from(step) / 12.0 - 1.0;
        canvas.line(at(share), at(share + 1.0 / 12.0), 0.06 * radius, dark);
    }
    let mut picture = raster(&canvas);
    let tint = [[0x4d, 0x6c, 0x8a], [0x7c, 0x60, 0x4c], [0x4e, 0x74, 0x60]][character % 3];
    for (_, row, pixel) in picture.enumerate_pixels_mut().filter(|(_, _, pixel)| pixel.0 == [255; 3]) {
        let light = 1.15 - 0.5 * row as f32 / height as f32;
        *pixel = Rgb(tint.map(|value: u8| (f32::from(value) * light) as u8));
    }
    picture
}
