//! `moue models pull`

use std::sync::atomic::Ordering;

use anyhow::anyhow;
use moue_models::{
    ModelFile, ModelFolder, ModelsError,
    hub::{self, HubError, HubSettings, PullEvent, PullSource},
    process_environment,
};

use super::{
    Outcome,
    bytes::{Bytes, human},
};
use crate::{
    args::{Global, OptionalArg, PullArgs},
    commands::Stop,
    exit, interrupt,
    printer::Printer,
};

pub fn pull(args: &PullArgs, global: &Global, printer: Printer) -> Outcome {
    let files = files(args).map_err(Stop::usage)?;
    let folder = ModelFolder::target(args.folder.models.as_deref(), &process_environment)?;
    let settings = HubSettings::from_environment(&process_environment).map_err(ModelsError::from)?;
    let stopped = interrupt::flag(printer, "interrupted: what has been fetched is kept")?;
    let bytes = Bytes::new(printer, global);
    printer.say(&format!("models folder: {folder}"));
    let watch = |file: ModelFile, event: PullEvent<'_>| watch(&bytes, file, event);
    let outcome = hub::pull(&folder, &files, &settings, &watch, &|| stopped.load(Ordering::Relaxed));
    bytes.end();
    let report = outcome.map_err(|error| match error {
        ModelsError::Hub(HubError::Cancelled { .. }) => Stop { error: error.into(), code: exit::INTERRUPTED },
        error => error.into(),
    })?;
    let missing = folder.missing().len();
    let rest = match missing {
        0 => "all that is needed is there".to_owned(),
        1 => "1 needed file is still missing".to_owned(),
        count => format!("{count} needed files are still missing"),
    };
    printer.say(&format!("fetched {}; {rest}", human(report.fetched())));
    Ok(exit::DONE)
}

/// The files that are asked for, or all that are needed.
fn files(args: &PullArgs) -> anyhow::Result<Vec<ModelFile>> {
    let mut files = Vec::new();
    for name in &args.files {
        let found = ModelFile::ALL.into_iter().find(|file| file.accepted_paths().any(|path| path == name));
        let Some(file) = found else {
            let known: Vec<_> = ModelFile::ALL.map(ModelFile::path).into();
            return Err(anyhow!("found '{name}', expected one of the model files:\n  {}", known.join("\n  ")));
        };
        files.push(file);
    }
    if args.files.is_empty() {
        files.extend(ModelFile::required());
    }
    if args.with.contains(&OptionalArg::Lcm) {
        files.push(ModelFile::LcmLora);
    }
    let mut seen = std::collections::BTreeSet::new();
    files.retain(|file| seen.insert(*file));
    Ok(files)
}

fn watch(bytes: &Bytes, file: ModelFile, event: PullEvent<'_>) {
    let name = file.path();
    match event {
        PullEvent::Started { size, resumed_at } => bytes.start(name, resumed_at, size),
        PullEvent::Advanced { bytes: count } => bytes.advance(name, count),
        PullEvent::Retrying { attempt, reason } => bytes.state(name, &format!("try {attempt}, because {reason}")),
        PullEvent::Waiting => bytes.state(name, "another program is fetching it; waiting"),
        PullEvent::Verifying => bytes.state(name, "comparing its SHA-256"),
        PullEvent::Finished(source) => bytes.done(
            name,
            match source {
                PullSource::Folder => "was there",
                PullSource::Cache => "from the cache",
                _ => "fetched",
            },
        ),
        _ => {}
    }
}
