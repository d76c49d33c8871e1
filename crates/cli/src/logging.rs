//! `-v`: what the libraries say through `tracing`, on stderr.

use std::io::IsTerminal;

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

/// Starts logging; our own crates speak at the level asked for, others only to warn.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let others = if verbose >= 3 { LevelFilter::DEBUG } else { LevelFilter::WARN };
    let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stderr().is_terminal();
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(colours).with_target(verbose >= 2).compact();
    registry().with(Targets::new().with_default(others).with_target("moue", level)).with(layer).init();
}
