//! `moue models`

mod bytes;
mod check;
mod list;
mod pull;
mod synth;

use moue_models::{ModelFile, ModelFolder, process_environment};

use super::Outcome;
use crate::{
    args::{FolderArgs, Global, ModelsArgs, ModelsCommand},
    printer::Printer,
};

pub fn models(args: &ModelsArgs, global: &Global, printer: Printer) -> Outcome {
    match &args.command {
        ModelsCommand::List(args) => list::list(args, printer),
        ModelsCommand::Pull(args) => pull::pull(args, global, printer),
        ModelsCommand::Check(args) => check::check(args, printer),
        ModelsCommand::Synth(args) => synth::synth(args, global, printer),
    }
}

/// The folder to read from.
fn folder(args: &FolderArgs) -> anyhow::Result<ModelFolder> {
    Ok(ModelFolder::find(args.models.as_deref(), &process_environment)?)
}

/// A path as the list names it: relative to the folder, where it lies in there.
fn shown(folder: &ModelFolder, file: ModelFile) -> String {
    match folder.path(file) {
        Some(path) => path.strip_prefix(folder.dir()).unwrap_or(&path).display().to_string(),
        None => file.path().to_owned(),
    }
}
