//! Ctrl-C: once finishes what has been rendered, twice stops at once, three times leaves.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use anyhow::Context;
use moue_engine::{Cancel, CancelToken};

use crate::{exit, printer::Printer};

/// What is said of a run that finishes its files with what it has.
pub const FINISHING: &str = "interrupted: finishing the files; once more stops at once";

/// A token that Ctrl-C and a polite kill (SIGTERM, SIGHUP) move forward; `words` are said the first time.
pub fn token(printer: Printer, words: &'static str) -> anyhow::Result<CancelToken> {
    let token = CancelToken::new();
    let handled = token.clone();
    let times = AtomicU32::new(0);
    ctrlc::set_handler(move || {
        if times.fetch_add(1, Ordering::Relaxed) >= 2 {
            // Something does not heed the abort. Unfinished files keep their temporary names.
            std::process::exit(exit::INTERRUPTED.into());
        }
        match handled.escalate() {
            Cancel::Finish => printer.say(&format!("\n{words}")),
            Cancel::Abort | Cancel::None => printer.say("\ninterrupted again: stopping, nothing is kept"),
        }
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(token)
}

/// A token that the first Ctrl-C or polite kill aborts, for work of which nothing half-done is worth keeping; `words` are
/// said then. The second one leaves with `code`.
pub fn at_once(printer: Printer, words: &'static str, code: u8) -> anyhow::Result<CancelToken> {
    let token = CancelToken::new();
    let handled = token.clone();
    ctrlc::set_handler(move || {
        if handled.is_aborting() {
            std::process::exit(code.into());
        }
        handled.abort();
        printer.say(&format!("\n{words}"));
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(token)
}

/// A flag that Ctrl-C and a polite kill set, for work that has nothing to finish; `words` are said then. The second
/// time, the program ends at once.
pub fn flag(printer: Printer, words: &'static str) -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let handled = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if handled.swap(true, Ordering::Relaxed) {
            std::process::exit(exit::INTERRUPTED.into());
        }
        printer.say(&format!("\n{words}"));
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(flag)
}
