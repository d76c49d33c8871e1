//! Everything that the program says goes through here: data to stdout, talk to stderr.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const STRONG: Style = Style::new().bold();

static IS_STDOUT_BROKEN: AtomicBool = AtomicBool::new(false);

/// Whether a result could not be written to stdout.
pub fn is_stdout_broken() -> bool {
    IS_STDOUT_BROKEN.load(Ordering::Relaxed)
}

/// Where words go. Colours follow the terminal, `NO_COLOR` and `CLICOLOR_FORCE`.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    quiet: bool,
}

impl Printer {
    pub fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    pub fn is_quiet(self) -> bool {
        self.quiet
    }

    /// Whether somebody is watching stderr.
    pub fn is_terminal(self) -> bool {
        io::stderr().is_terminal()
    }

    /// A result, for people or programs, on stdout. A reader that has gone away is no error; what could not be written
    /// otherwise is told, and [`is_stdout_broken`].
    pub fn data(self, text: &str) {
        let mut out = anstream::stdout().lock();
        if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush())
            && error.kind() != io::ErrorKind::BrokenPipe
            && !IS_STDOUT_BROKEN.swap(true, Ordering::Relaxed)
        {
            self.error(&anyhow::anyhow!("stdout: {error}\nhint: make room where it is written to"));
        }
    }

    /// A line of talk; nothing with `--quiet`.
    pub fn say(self, text: &str) {
        if !self.quiet {
            to_stderr(text);
        }
    }

    /// Something that people should know although all is well; nothing with `--quiet`.
    pub fn note(self, text: &str) {
        self.say(&format!("{WARNING}note:{WARNING:#} {text}"));
    }

    /// What is wrong with a document, as it stands. Said even with `--quiet`.
    pub fn complain(self, text: &str) {
        to_stderr(text);
    }

    /// A failure. Said even with `--quiet`.
    pub fn error(self, error: &anyhow::Error) {
        to_stderr(&Failure::of(error).to_string());
    }
}

fn to_stderr(text: &str) {
    // Nobody is left to be told that stderr is closed.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Bold, where colours are shown.
pub fn strong(text: impl std::fmt::Display) -> String {
    format!("{STRONG}{text}{STRONG:#}")
}

/// An error as it is printed: what happened, what lies behind it, what to do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Failure {
    headline: String,
    context: Vec<String>,
    hints: Vec<String>,
}

impl Failure {
    /// Takes an error and its causes apart; lines that begin with `hint:` are hints, wherever they stand.
    fn of(error: &anyhow::Error) -> Self {
        let mut failure = Self::default();
        let mut said = String::new();
        for cause in error.chain() {
            let text = cause.to_string();
            if said.contains(&text) {
                continue; // an error that quotes its cause
            }
            for (number, line) in text.lines().enumerate() {
                match line.strip_prefix("hint:") {
                    Some(hint) => failure.hints.push(hint.trim().to_owned()),
                    None if failure.headline.is_empty() => failure.headline = line.to_owned(),
                    // A first line is a cause of its own; further ones are a snippet or a list and keep their indent.
                    None if number == 0 => failure.context.push(format!("  because {line}")),
                    None => failure.context.push(format!("  {line}")),
                }
            }
            said.push_str(&text);
            said.push('\n');
        }
        failure.hints.dedup();
        failure
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{ERROR}error:{ERROR:#} {}", self.headline)?;
        for line in &self.context {
            write!(f, "\n{line}")?;
        }
        for hint in &self.hints {
            write!(f, "\n{HINT}hint:{HINT:#} {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn hints_come_last_and_causes_are_not_said_twice() {
        let cause = anyhow!("a.csv:3:7: found 'x', expected a number\nhint: look at line 3");
        let error = Err::<(), _>(cause).context("cannot read the motion").unwrap_err();
        let failure = Failure::of(&error);
        assert_eq!(failure.headline, "cannot read the motion");
        assert_eq!(failure.context, ["  because a.csv:3:7: found 'x', expected a number"]);
        assert_eq!(failure.hints, ["look at line 3"]);

        let quoting = Err::<(), _>(anyhow!("disk full")).context("cannot write: disk full").unwrap_err();
        assert_eq!(Failure::of(&quoting).context, Vec::<String>::new());
    }

    #[test]
    fn a_snippet_keeps_its_indent() {
        let error = anyhow!("f.yaml:1:1: unknown\n  1 | x\n    | ^");
        let text = anstream::adapter::strip_str(&Failure::of(&error).to_string()).to_string();
        assert_eq!(text, "error: f.yaml:1:1: unknown\n    1 | x\n      | ^");
    }
}
