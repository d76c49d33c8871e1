//! `moue inspect`

mod motion;
mod picture;

use std::path::Path;

use anyhow::anyhow;
use moue_media::Source;
use moue_tracks::{ContentKind, sniff_kind};

use super::{
    Outcome, Stop,
    motion::{check_new, check_not_input},
    page,
};
use crate::{
    args::{Global, InspectArgs},
    printer::Printer,
};

pub fn inspect(args: &InspectArgs, global: &Global, printer: Printer) -> Outcome {
    let source = Source::parse(&args.source).map_err(Stop::usage)?;
    let picture = match &source {
        Source::File(path) if args.reading.format.is_none() && sniff_kind(path)? == ContentKind::Picture => Some(path),
        _ => None,
    };
    check(args, picture.map(|path| path.as_path()))?;
    match picture {
        Some(path) => picture::inspect(path, args, printer),
        None => motion::inspect(args, global, printer),
    }
}

/// Refuses what can be refused before anything is looked at.
fn check(args: &InspectArgs, picture: Option<&Path>) -> Result<(), Stop> {
    let unfit = |option: &str, what: &str| {
        Err(Stop::usage(anyhow!("{option} is for {what}: {} is something else", args.source)))
    };
    if picture.is_some() && (args.plot.is_some() || args.compare.is_some()) {
        return unfit(if args.plot.is_some() { "--plot" } else { "--compare" }, "tracks and videos");
    }
    if picture.is_none() && args.annotate.is_some() {
        return unfit("--annotate", "pictures");
    }
    if let Some(out) = &args.annotate {
        if out.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("png")) {
            return Err(Stop::usage(anyhow!("--annotate {}: expected a name ending in .png", out.display())));
        }
        check_new("--annotate", out, args.overwrite)?;
    }
    page::check("--plot", args.plot.as_deref(), args.overwrite)?;
    let mut inputs = vec![Path::new(&args.source)];
    inputs.extend(args.compare.as_deref().map(Path::new));
    check_not_input("--annotate", args.annotate.as_deref(), &inputs)?;
    check_not_input("--plot", args.plot.as_deref(), &inputs)
}
