//! Drawn pages as files.

use std::path::Path;

use anyhow::anyhow;
use moue_charts::Page;

use super::{Stop, motion::check_new};
use crate::printer::{Printer, strong};

/// Refuses, before anything is drawn, a name that says nothing or is taken.
pub fn check(option: &str, path: Option<&Path>, overwrite: bool) -> Result<(), Stop> {
    let Some(path) = path else { return Ok(()) };
    if !is(path, "png") && !is(path, "svg") {
        return Err(Stop::usage(anyhow!("{option} {}: expected a name ending in .png or .svg", path.display())));
    }
    check_new(option, path, overwrite)
}

/// Writes a page as its name says.
pub fn save(page: &Page, path: &Path, overwrite: bool, printer: Printer) -> Result<(), Stop> {
    let _bytes = match is(path, "svg") {
        true => moue_media::save_bytes(page.to_svg().as_bytes(), path, overwrite)?,
        false => moue_media::save_png(&page.to_image(), path, overwrite)?,
    };
    printer.say(&format!("{} {}", strong("wrote"), path.display()));
    Ok(())
}

fn is(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}
