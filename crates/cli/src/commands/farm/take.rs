//! A portrait and a motion as a storyboard of one shot.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use moue_animation::{Framing, HEAD_SIDE, Size};
use moue_media::{Source, probe, save_bytes};
use moue_timeline::FrameRate;

use crate::args::{RendererArg, TakeArgs};
use crate::commands::{Stop, motion};

/// Writes the storyboard into `folder` under `name`.
pub fn write(
    (portrait, driver): (&Path, &Path),
    args: &TakeArgs,
    folder: &Path,
    name: &str,
    overwrite: bool,
) -> Result<PathBuf, Stop> {
    let path = folder.join(name);
    if !overwrite {
        motion::check_new("-o", &path, false)?;
    }
    let text = text((portrait, driver), args, folder)?;
    save_bytes(text.as_bytes(), &path, true)?;
    Ok(path)
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

    let mut text = "# A portrait and a motion, written by `moue farm plan`.\nmoue: 1\n".to_owned();
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
    let full =
        path.canonicalize().with_context(|| format!("{}: cannot be read", path.display())).map_err(Stop::usage)?;
    let folder = folder.canonicalize().with_context(|| format!("{}: cannot be read", folder.display()))?;
    Ok(quoted(&full.strip_prefix(&folder).unwrap_or(&full).to_string_lossy()))
}

/// A text as YAML takes it for one, whatever is in it: JSON is YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
