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
        Command::Inspect(args) => commands::inspect(args, printer),
        Command::Models(args) => commands::models(args, &cli.global, printer),
        Command::Doctor(args) => commands::doctor(args, printer),
    };
    let code = outcome.unwrap_or_else(|stop| {
        printer.error(&stop.error);
        stop.code
    });
    ExitCode::from(code)
}
