//! `moue pipelines`

use moue_animation::{PresetError, RunPreset, preset_schema};

use super::{Outcome, Stop};
use crate::{
    args::{PipelinesArgs, PipelinesCommand},
    exit,
    printer::Printer,
};

pub fn pipelines(args: &PipelinesArgs, printer: Printer) -> Outcome {
    match &args.command {
        None => {
            for name in RunPreset::names() {
                let description = RunPreset::load(name)?.description.unwrap_or_default();
                printer.data(&format!("{name:<16} {description}"));
            }
        }
        Some(PipelinesCommand::Show { name }) => match RunPreset::text(name) {
            Some(text) => printer.data(text.trim_end()),
            None => {
                let error = RunPreset::load(name).err();
                let missing =
                    || PresetError::Unknown { name: name.clone(), hint: "this is a file of yours".to_owned() };
                return Err(Stop::usage(error.unwrap_or_else(missing)));
            }
        },
        Some(PipelinesCommand::Schema) => {
            printer.data(&serde_json::to_string_pretty(&preset_schema()).unwrap_or_default());
        }
    }
    Ok(exit::DONE)
}
