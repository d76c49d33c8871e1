//! How far a file is: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    args::Global,
    printer::{Printer, strong},
};

/// Redraws of the bar per second.
const REDRAWS_HZ: u8 = 10;
/// Time between two plain lines.
const BETWEEN_LINES: Duration = Duration::from_secs(2);

/// Tells how many bytes of a file are there.
pub struct Bytes {
    printer: Printer,
    /// Only on a terminal.
    bar: Option<ProgressBar>,
    last_line: Cell<Instant>,
    total: Cell<u64>,
}

impl Bytes {
    /// A bar would tear through log lines, so with `-v` there are plain lines.
    pub fn new(printer: Printer, global: &Global) -> Self {
        let has_bar = !printer.is_quiet() && printer.is_terminal() && global.verbose == 0;
        let bar = has_bar.then(ProgressBar::hidden);
        Self { printer, bar, last_line: Cell::new(Instant::now()), total: Cell::new(0) }
    }

    /// A file of `total` bytes begins at `from`.
    pub fn start(&self, name: &str, from: u64, total: u64) {
        self.total.set(total);
        self.last_line.set(Instant::now());
        match &self.bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_style(style());
                bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS_HZ));
                bar.reset();
                // What was there before does not count for the speed.
                bar.set_position(from);
                bar.reset_eta();
                bar.set_message(name.to_owned());
            }
            None if from > 0 => {
                self.say(&format!("{name}: goes on at {} of {}", human(from), human(total)));
            }
            None => self.say(&format!("{name}: {}", human(total))),
        }
    }

    pub fn advance(&self, name: &str, bytes: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(bytes),
            None if self.last_line.get().elapsed() >= BETWEEN_LINES => {
                self.last_line.set(Instant::now());
                let total = self.total.get();
                let percent = bytes * 100 / total.max(1);
                self.say(&format!("{name}: {} of {}, {percent} %", human(bytes), human(total)));
            }
            None => {}
        }
    }

    /// What is going on, beside the bar or as a line.
    pub fn state(&self, name: &str, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(format!("{name}: {text}")),
            None => self.say(&format!("{name}: {text}")),
        }
    }

    /// Takes the bar away; what is said from here on stands where it was.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
    }

    /// The last word on a file.
    pub fn done(&self, name: &str, text: &str) {
        self.end();
        self.say(&format!("{} {name}: {text}", strong("ok")));
    }

    fn say(&self, text: &str) {
        self.printer.say(text);
    }
}

fn style() -> ProgressStyle {
    let template =
        "{bar:30.cyan/dim} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left  {msg:.dim}";
    // The template is a constant; if it were wrong, the plain bar would do.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

/// `560 B`, `51.1 MB` or `3.44 GB`: three digits, in powers of 1000.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1000.0, 0);
    // What rounds to 1000 belongs to the next unit.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1000.0, unit + 1);
    }
    let digits = if value >= 99.95 { 0 } else { usize::from(value < 9.995) + 1 };
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        let sizes = [0, 560, 999, 1000, 1_059_962, 51_137_360, 334_643_276, 999_600, 3_438_167_534];
        assert_eq!(
            sizes.map(human),
            ["0 B", "560 B", "999 B", "1.00 kB", "1.06 MB", "51.1 MB", "335 MB", "1.00 MB", "3.44 GB"]
        );
    }
}
