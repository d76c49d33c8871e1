//! What people want of what is played.

use std::sync::atomic::{AtomicBool, Ordering};

use moue_preview::Command;

/// What people want of what is played: on the page, and by `--loop`.
#[derive(Debug, Default)]
pub(super) struct Transport {
    is_paused: AtomicBool,
    is_repeating: AtomicBool,
    is_restarting: AtomicBool,
    is_stopped: AtomicBool,
}

impl Transport {
    pub(super) fn new(is_repeating: bool) -> Self {
        Self { is_repeating: AtomicBool::new(is_repeating), ..Self::default() }
    }

    pub(super) fn obey(&self, command: Command) {
        let set = |flag: &AtomicBool, value| flag.store(value, Ordering::Relaxed);
        match command {
            Command::Pause => set(&self.is_paused, true),
            Command::Play => set(&self.is_paused, false),
            Command::Loop(is_repeating) => set(&self.is_repeating, is_repeating),
            Command::Restart => {
                set(&self.is_restarting, true);
                set(&self.is_paused, false);
            }
            Command::Stop => set(&self.is_stopped, true),
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Relaxed)
    }

    pub(super) fn is_repeating(&self) -> bool {
        self.is_repeating.load(Ordering::Relaxed)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// Whether what is being played is to begin again.
    pub(super) fn is_restarting(&self) -> bool {
        self.is_restarting.load(Ordering::Relaxed)
    }

    /// At the end of what was played, or where it was left: whether it is to be played once more.
    pub(super) fn take_restart(&self) -> bool {
        self.is_restarting.swap(false, Ordering::Relaxed) || self.is_repeating()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_obeyed_until_others_come() {
        let transport = Transport::new(false);
        assert!(!transport.take_restart());
        transport.obey(Command::Pause);
        assert!(transport.is_paused());
        transport.obey(Command::Restart);
        assert!(!transport.is_paused() && transport.is_restarting());
        assert!(transport.take_restart() && !transport.take_restart(), "once");
        transport.obey(Command::Loop(true));
        assert!(transport.take_restart() && transport.take_restart(), "always");
        transport.obey(Command::Loop(false));
        assert!(!transport.take_restart());
        transport.obey(Command::Stop);
        assert!(transport.is_stopped());
    }
}
