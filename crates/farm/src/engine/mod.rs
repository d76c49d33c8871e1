//! Engines that run a plan's tasks: they exist already, and are told what to do.

mod kubernetes;
mod local;
mod slurm;

pub use kubernetes::{KubernetesJob, kubernetes};
pub use local::{LocalJob, LocalSummary, TaskObserver, fitting_workers, local};
pub use slurm::{SlurmJob, slurm};

/// Exit codes of `moue farm task`, which engines act upon.
pub mod code {
    /// Try again, here or elsewhere (`EX_TEMPFAIL` of sysexits.h).
    pub const RETRY: u8 = 75;
    /// Every attempt would end alike (`EX_DATAERR`).
    pub const GIVE_UP: u8 = 65;
    /// The command line asks for something that cannot be.
    pub const USAGE: u8 = 2;
}

/// A word as a shell takes it for one, whatever is in it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Words as a shell's command.
pub(crate) fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_words_as_they_are() {
        let words = ["plain-1.2_x/y", "", "two words", "it's", "$HOME `x` \"y\" \\", "a;b&c|d", "*?[", "ä\nb"];
        let script = format!("printf '%s\\0' {}", command(words));
        let said = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert_eq!(said.split_terminator('\0').collect::<Vec<_>>(), words);
    }
}
