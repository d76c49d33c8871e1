//! Exit codes, as documented in `moue --help`.

/// All is done.
pub const DONE: u8 = 0;
/// Something failed; stderr says what.
pub const FAILED: u8 = 1;
/// The command line (or a preset that it names) asks for something that cannot be.
pub const USAGE: u8 = 2;
/// Interrupted, whether files were finished or not.
pub const INTERRUPTED: u8 = 130;
