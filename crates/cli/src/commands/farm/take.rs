//! A portrait and a motion as a storyboard of one shot.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use moue_animation::{Framing, HEAD_SIDE, Size};
use moue_media::{MediaError, Source, probe, save_bytes};
use moue_timeline::FrameRate;

use crate::args::{RendererArg, TakeArgs};
use crate::commands::{Stop, motion};

/// What such a storyboard begins with: others were written by people.
const MARK: &str = "# A portrait and a motion, written by `moue farm plan`.\n";

/// A storyboard that was written for a plan. Unless it is kept, all is as it was before when this goes.
#[derive(Debug)]
pub struct Written {
    path: PathBuf,
    /// What was there.
    before: Option<Vec<u8>>,
    is_kept: bool,
}

impl Written {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // Why there is no plan is what is told, and not what becomes of this.
        if !self.is_kept {
            let _ = match &self.before {
                Some(before) => save_bytes(before, &self.path, true).is_ok(),
                None => std::fs::remove_file(&self.path).is_ok(),
            };
        }
    }
}

/// Writes the storyboard into `folder` under `name`.
pub fn write(
    (portrait, driver): (&Path, &Path),
    args: &TakeArgs,
    folder: &Path,
    name: &str,
    overwrite: bool,
) -> Result<Written, Stop> {
    let path = folder.join(name);
    let text = text((portrait, driver), args, folder)?;
    let before = match std::fs::read(&path) {
        Ok(before) => Some(before),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(anyhow!(error).context(format!("{}: cannot be read", path.display())).into()),
    };
    // What a killed run left is what would be written now.
    if let Some(before) = before.as_deref().filter(|before| *before != text.as_bytes()) {
        if !before.starts_with(MARK.as_bytes()) {
            return Err(Stop::usage(anyhow!(
                "{}: found a storyboard that `moue farm plan` did not write, expected none or one that it wrote\nhint: \
                 give the plan another name with -o, or plan that storyboard itself: moue farm plan {0}",
                path.display()
            )));
        }
        motion::check_new("-o", &path, overwrite)?;
    }
    save_bytes(text.as_bytes(), &path, true)?;
    Ok(Written { path, before, is_kept: false })
}

fn text((portrait, driver): (&Path, &Path), args: &TakeArgs, folder: &Path) -> Result<String, Stop> {
    let is_painted = match args.renderer {
        None | Some(RendererArg::Mesh) => false,
        Some(RendererArg::Diffusion) => true,
        Some(RendererArg::Mixed) => {
            return Err(Stop::usage(anyhow!(
                "mesh+diffusion does not go with a farm, whose films are storyboards\nhint: --renderer diffusion, or `moue \
                 animate --frames` for ranges"
            )));
        }
    };
    let framing = args.framing.unwrap_or(if is_painted { Framing::Face } else { Framing::Whole });
    let size = args.size.unwrap_or(match framing {
        Framing::Whole => Size::Source,
        Framing::Head | Framing::Face => Size::Pixels { width: HEAD_SIDE, height: HEAD_SIDE },
    });
    let rate = args.fps.unwrap_or(FrameRate::FPS_25);
    let (start, end) = motion::range(args.start.as_ref(), args.end.as_ref(), Some(rate))?;
    let has_sound = !args.no_sound
        && driver.is_file()
        && probe(&Source::from(driver)).is_ok_and(|info| info.sound.is_some() && info.video.is_some());
    let (portrait, driver) = (name(portrait, folder)?, name(driver, folder)?);

    let mut text = format!("{MARK}moue: 1\n");
    let renderer = if is_painted { "diffusion" } else { "mesh" };
    let seed = args.seed.map(|seed| format!(", seed: {seed}")).unwrap_or_default();
    let relative = if args.relative { ", relative: true" } else { "" };
    let _ = writeln!(text, "output: {{size: {size}, fps: {rate}, renderer: {renderer}{seed}{relative}}}");
    let face = args.face.map(|face| format!(", face: {face}")).unwrap_or_default();
    let _ = writeln!(text, "cast: {{portrait: {{portrait: {portrait}{face}}}}}");
    let from = start.map(|start| format!(", from: {start}s")).unwrap_or_default();
    let length = end.map(|end| format!(", length: {}s", end - start.unwrap_or(0.0))).unwrap_or_default();
    let gain = args.gain.as_ref().map(|gain| format!(", gain: {}", quoted(gain))).unwrap_or_default();
    let _ = write!(
        text,
        "shots:\n  - name: take\n    framing: {}\n    blink: false\n    idle: false\n    length: motion\n    motion: {{file: \
         {driver}{from}{length}{gain}}}\n",
        framing.name(),
    );
    if has_sound {
        let _ = writeln!(text, "    sound: {{file: {driver}{from}}}");
    }
    Ok(text)
}

/// What a storyboard in `folder` calls a file: its place in the folder, else its whole name.
fn name(path: &Path, folder: &Path) -> Result<String, Stop> {
    let full = path.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Stop::from(MediaError::Missing { path: path.to_owned() }),
        _ => Stop::usage(anyhow!(error).context(format!("{}: cannot be read", path.display()))),
    })?;
    let folder = folder.canonicalize().with_context(|| format!("{}: cannot be read", folder.display()))?;
    Ok(quoted(&full.strip_prefix(&folder).unwrap_or(&full).to_string_lossy()))
}

/// A text as YAML takes it for one, whatever is in it: JSON is YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_here_is_replaced_and_only_for_a_plan() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["me.png", "take.csv"] {
            std::fs::write(path(name), "x").unwrap();
        }
        let write = |seed: u64, overwrite: bool| {
            let args = TakeArgs { seed: Some(seed), ..TakeArgs::default() };
            write((&path("me.png"), &path("take.csv")), &args, folder.path(), "film.yaml", overwrite)
        };
        let text = || std::fs::read_to_string(path("film.yaml")).unwrap();
        std::fs::write(path("film.yaml"), "moue: 1 # by hand\n").unwrap();
        for overwrite in [false, true] {
            assert_eq!(write(1, overwrite).unwrap_err().code, crate::exit::USAGE);
            assert_eq!(text(), "moue: 1 # by hand\n");
        }
        std::fs::remove_file(path("film.yaml")).unwrap();
        // A plan that fails leaves nothing; one that does not leaves it.
        drop(write(1, false).unwrap());
        assert!(!path("film.yaml").exists());
        write(1, false).unwrap().keep();
        assert!(text().contains("seed: 1"));
        write(1, false).unwrap().keep();
        assert!(write(2, false).unwrap_err().error.to_string().contains("--overwrite"));
        drop(write(2, true).unwrap());
        assert!(text().contains("seed: 1"));
        write(2, true).unwrap().keep();
        assert!(text().contains("seed: 2"));
    }
}
