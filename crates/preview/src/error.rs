//! Why a preview cannot be shown.

use std::io;

/// Why a preview or a metrics server cannot be opened. The text ends with a hint line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreviewError {
    /// The text is no address.
    #[error("{text}: found {found}, expected {expected}\nhint: {hint}")]
    Address {
        /// As given, without its token.
        text: String,
        /// What is there.
        found: String,
        /// What an address has there.
        expected: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// Another program has the port.
    #[error(
        "{address}: another program listens at this port\n\
         hint: end that program (an earlier preview?), choose another port, or write port 0 for one that is free"
    )]
    InUse {
        /// Where.
        address: String,
    },
    /// The system has no such address, or does not let us listen there.
    #[error("{address}: cannot listen there ({source})\nhint: {hint}")]
    Listen {
        /// Where.
        address: String,
        /// What to do.
        hint: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// What is to be shown cannot be.
    #[error("preview: found {found}, expected {expected}\nhint: {hint}")]
    Scene {
        /// What was given.
        found: String,
        /// What can be shown.
        expected: String,
        /// What to do.
        hint: &'static str,
    },
    /// The system gives no random numbers, threads or sockets.
    #[error("preview: {what} ({detail})\nhint: see whether the system is short of memory, threads or open files")]
    System {
        /// What could not be had.
        what: &'static str,
        /// What the system says.
        detail: String,
    },
}

impl PreviewError {
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, detail: source.to_string() }
    }

    /// What the system said when we asked for the address.
    pub(crate) fn listening(address: String, source: io::Error) -> Self {
        let hint = match source.kind() {
            io::ErrorKind::AddrInUse => return Self::InUse { address },
            io::ErrorKind::AddrNotAvailable => "this machine has no such address: write 127.0.0.1, or 0.0.0.0 for all",
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 are for administrators: choose one above, such as 8080"
            }
            _ => "write an address of this machine, such as 127.0.0.1:8080",
        };
        Self::Listen { address, hint, source }
    }
}
