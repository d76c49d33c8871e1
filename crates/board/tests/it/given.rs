//! Storyboards in texts, and pictures of one colour.

use std::path::Path;

use image::{Rgb, RgbImage};
use moue_storyboard::{Files, Storyboard};

struct Given<'a>(&'a str);

/// Every file is there; sounds and motions last four seconds.
impl Files for Given<'_> {
    fn read(&self, _: &Path) -> Result<Vec<u8>, String> {
        Ok(self.0.as_bytes().to_vec())
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

/// The storyboard with `moue: 1` and a cast of two above `text`.
pub fn storyboard(text: &str) -> Storyboard {
    let text = format!("moue: 1\ncast: {{ada: ada.png, bo: bo.png}}\ndefaults: {{character: ada}}\n{text}");
    Storyboard::read(Path::new("board.yaml"), &Given(&text)).unwrap_or_else(|wrong| panic!("{wrong}")).0
}

/// What stands on every board: two shots with all that can be said about them.
pub fn whole() -> Storyboard {
    storyboard(
        "title: Hello & goodbye\noutput: {size: 640x360, fps: 25}\nend: fade 0.8s\nshots:\n  \
         - name: hello\n    caption: Ada says hello.\n    dialogue: Good morning!\n    length: 4s\n    \
         transition: fade 1s\n    sound: {file: sounds/hello.wav, at: 300ms}\n    beats:\n      \
         - at 1s to smile*0.8\n      - {at: 2.4s, also: head_yaw*-6, caption: She turns away.}\n  \
         - {character: bo, transition: dissolve 200ms, length: 3s, motion: {file: a/take.mp4, at: 0.4s, length: 2s}}\n  \
         - {carry: true, caption: Still smiling., length: 65.2s}\n",
    )
}

/// Pictures for all panels, of these sizes in turn, each of another colour.
pub fn pictures(storyboard: &Storyboard, sizes: &[(u32, u32)]) -> Vec<RgbImage> {
    let count = storyboard.panels().len();
    let sizes = sizes.iter().cycle().take(count).enumerate();
    sizes.map(|(index, (width, height))| RgbImage::from_pixel(*width, *height, colour(index))).collect()
}

/// No colour that a board has itself, and none like another, for the first 20.
pub fn colour(index: usize) -> Rgb<u8> {
    Rgb([(index * 12) as u8, 255 - (index * 9) as u8, 40])
}
