//! `moue models synth`

use std::{cell::Cell, sync::atomic::Ordering};

use moue_diffusion::{DiffusionError, Precision, Scale, SynthOptions};

use super::{
    Outcome,
    bytes::{Bytes, human},
};
use crate::{
    args::{Global, OptionalArg, ScaleArg, SynthArgs, SynthDtypeArg},
    commands::Stop,
    exit, interrupt,
    printer::{Printer, strong},
};

pub fn synth(args: &SynthArgs, global: &Global, printer: Printer) -> Outcome {
    let options = SynthOptions {
        scale: match args.scale {
            ScaleArg::Tiny => Scale::Tiny,
            ScaleArg::Sd15 => Scale::Sd15,
        },
        precision: match args.dtype {
            SynthDtypeArg::F16 => Precision::F16,
            SynthDtypeArg::F32 => Precision::F32,
        },
        seed: args.seed,
        few_steps: args.with.contains(&OptionalArg::Lcm),
    };
    let stopped = interrupt::flag(printer, "interrupted: what has been written is removed")?;
    let bytes = Bytes::new(printer, global);
    let name = args.dir.display().to_string();
    let total = Cell::new(None);
    let outcome = moue_diffusion::synth(&args.dir, &options, &mut |progress| {
        if stopped.load(Ordering::Relaxed) {
            return Err(DiffusionError::Cancelled);
        }
        if total.replace(Some(progress.total)).is_none() {
            bytes.start(&name, 0, progress.total);
        }
        bytes.advance(&name, progress.written);
        Ok(())
    });
    bytes.end();
    let files = outcome.map_err(|error| match error {
        DiffusionError::Cancelled => Stop { error: error.into(), code: exit::INTERRUPTED },
        // Like an output that exists.
        DiffusionError::File { .. } => Stop::usage(error),
        error => error.into(),
    })?;
    printer.say(&format!(
        "{} {name}: {} files, {} of weights",
        strong("wrote"),
        files.len(),
        human(total.get().unwrap_or(0))
    ));
    printer.note("the weights are random: they paint noise. They are for tests and for measuring speed");
    printer.note(
        "encoder/model.safetensors and exp_adapter/exp_adapter.safetensors stand in the place of the published pickles",
    );
    Ok(exit::DONE)
}
