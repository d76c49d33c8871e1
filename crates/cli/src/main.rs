//! The `moue` program: arguments, talk, progress and exit codes.

mod args;
mod commands;
mod exit;
mod interrupt;
mod logging;
mod printer;
mod progress;

use std::process::ExitCode;

use clap::Parser;
use moue_document::Diagnostics;

use crate::{
    args::{Cli, Command},
    printer::Printer,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start(cli.global.verbose);
    let printer = Printer::new(cli.global.quiet);
    let outcome = match &cli.command {
        Command::Animate(args) => commands::animate(args, &cli.global, printer),
        Command::Storyboard(args) => commands::storyboard(args, &cli.global, printer),
        Command::Farm(args) => commands::farm(args, &cli.global, printer),
        Command::Join(args) => commands::join(args, printer),
        Command::Track(args) => commands::track(args, &cli.global, printer),
        Command::Edit(args) => commands::edit(args, &cli.global, printer),
        Command::Inspect(args) => commands::inspect(args, &cli.global, printer),
        Command::Measure(args) => commands::measure(args, &cli.global, printer),
        Command::Calibrate(args) => commands::calibrate(args, &cli.global, printer),
        Command::Models(args) => commands::models(args, &cli.global, printer),
        Command::Pipelines(args) => commands::pipelines(args, printer),
        Command::Doctor(args) => commands::doctor(args, printer),
    };
    let code = outcome.unwrap_or_else(|stop| {
        match stop.error.downcast_ref::<Diagnostics>() {
            Some(diagnostics) => printer.complain(&diagnostics.to_string()),
            None => printer.error(&stop.error),
        }
        stop.code
    });
    // A result that nobody got is none.
    ExitCode::from(if code == exit::DONE && printer::is_stdout_broken() { exit::FAILED } else { code })
}
