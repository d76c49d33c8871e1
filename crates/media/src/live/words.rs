//! Why a session broke, in words.

use super::output::{LiveKind, LiveOutput};

/// Why a session broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) why: String,
    pub(super) hint: String,
}

impl Loss {
    pub(super) fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }

    /// The server holds the connection and takes nothing.
    pub(super) fn frozen(output: &LiveOutput) -> Self {
        Self::new(
            format!("{} takes no more data", output.server()),
            "see whether the server hangs, or the network is slow",
        )
    }

    /// The server holds the connection and does not answer.
    pub(super) fn silent(output: &LiveOutput) -> Self {
        let why = format!("{} takes the connection but does not answer", output.server());
        Self::new(why, "see whether the server hangs, and whether the port is that of another service")
    }

    /// The end has come, and the server has not answered yet.
    pub(super) fn unanswered(output: &LiveOutput) -> Self {
        let why = format!("{} had not answered when the stream ended", output.server());
        Self::new(why, "see whether the server hangs; a run of a few frames ends before there is a connection")
    }

    /// The farewell goes unanswered.
    pub(super) fn cut_off(output: &LiveOutput, seconds: f64) -> Self {
        let whither = if output.kind() == LiveKind::Hls { "the disk" } else { output.server() };
        let why = format!("the last frames were not taken by {whither} within {seconds:.0} s");
        Self::new(why, "the stream ends a little early there; see whether it hangs, or is slow")
    }
}

/// From what GStreamer's elements say. `was_live`: whether the session stood before.
pub(super) fn loss(output: &LiveOutput, message: &str, detail: &str, was_live: bool) -> Loss {
    let server = output.server();
    let says = |part: &str| message.contains(part) || detail.contains(part);
    if says("No space left on device") {
        return Loss::new("the disk is full", "make room or choose another folder");
    }
    if output.kind() == LiveKind::Hls {
        return Loss::new(format!("the playlist or a segment cannot be written: {message}"), "check the folder");
    }
    if says("Connection refused") {
        return Loss::new(format!("nothing listens at {server}"), "start the server, or check host and port");
    }
    if says("g-resolver-error-quark") || says("Error resolving") {
        return Loss::new(format!("{server}: there is no host of that name"), "check the spelling and the network");
    }
    if says("No route to host") || says("Network is unreachable") {
        return Loss::new(format!("there is no way to {server}"), "check the network");
    }
    if says("certificate") {
        let why = format!("the certificate of {server} is not one that this system trusts");
        return Loss::new(why, "use the name that the certificate is for, or install the authority that signed it");
    }
    if says("TLS") {
        let hint = "check the address; where TLS is missing altogether: apt-get install glib-networking";
        return Loss::new(format!("no encrypted connection to {server}: {}", after_colon(message)), hint);
    }
    if output.is_listener() && !was_live {
        // The sink cannot say why: a port that is taken and one that is not ours look the same.
        let why = format!("cannot listen at {server}: another program may have the port");
        return Loss::new(why, "choose another port, and none below 1024, which are the administrator's");
    }
    if says("stream already exists") || says("Already publishing") {
        return Loss::new(
            format!("{server} has this stream from someone else already"),
            "choose another stream key, or end the other stream",
        );
    }
    if says("denied") || says("authentication") || says("authorization") || says("Not authorized") {
        return Loss::new(format!("{server} refuses this user or stream key"), "check user, password and stream key");
    }
    if says("'connect' cmd failed") {
        let why = format!("{server} refuses the application");
        return Loss::new(why, "check the part of the address after the host");
    }
    if was_live {
        let hint = "look at the server's log if it does not come back";
        return if says("timed out") {
            Loss::frozen(output)
        } else if says("closed remotely")
            || says("Broken pipe")
            || says("reset by peer")
            || says("Connection does not exist")
            || says("Unknown or erroneous")
        {
            Loss::new(format!("{server} closed the connection"), hint)
        } else {
            Loss::new(format!("the connection to {server} broke: {message}"), hint)
        };
    }
    if output.kind() == LiveKind::Srt && says("Connection does not exist") {
        let hint = "start the receiver, or check host, port, passphrase and stream id";
        return Loss::new(format!("nothing answers at {server}, or it refuses this stream"), hint);
    }
    if says("timed out") || says("timeout") {
        return Loss::silent(output);
    }
    if says("closed remotely") || says("Broken pipe") || says("reset by peer") {
        return Loss::new(format!("{server} refuses this stream"), "check the stream key and the server's log");
    }
    Loss::new(format!("no stream to {server}: {message}"), "check the address and the server's log")
}

fn after_colon(message: &str) -> &str {
    message.split_once(": ").map_or(message, |(_, after)| after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_do_is_told_in_words() {
        let output = LiveOutput::parse("rtmp://me:word@host:1935/live/secret").unwrap();
        for (message, detail, was_live, why) in [
            ("Connection refused: Could not connect to 127.0.0.1: Connection refused", "", false, "nothing listens"),
            ("Failed to connect: Error resolving “h”: Name or service not known", "", false, "no host of that name"),
            ("Failed to connect: Socket I/O timed out", "code 24", false, "does not answer"),
            ("Connection error: Socket I/O timed out", "code 24", true, "takes no more data"),
            ("Connection error: connection closed remotely", "code 44", false, "refuses this stream"),
            ("Connection error: connection closed remotely", "code 44", true, "closed the connection"),
            (
                "Failed to connect: 'connect' cmd failed: connection closed remotely",
                "",
                false,
                "refuses the application",
            ),
            ("Failed to connect: publish denied; stream already exists: {}", "", false, "from someone else"),
            ("Failed to connect: publish denied; bad key", "", false, "user or stream key"),
            ("Failed to connect: TLS support is not available", "", false, "no encrypted connection"),
            ("Failed to connect: Unacceptable TLS certificate", "", false, "not one that this system trusts"),
            ("something new", "", false, "something new"),
            ("something new", "", true, "something new"),
        ] {
            let loss = loss(&output, message, detail, was_live);
            assert!(loss.why.contains(why) && !loss.hint.is_empty(), "{message}: {loss:?}");
            assert!(loss.why.contains("host:1935") && !loss.why.contains("secret"), "{loss:?}");
        }
        let caller = LiveOutput::parse("srt://host:7001").unwrap();
        let message = "Failed to write to SRT socket: Connection does not exist";
        assert!(loss(&caller, message, "", false).why.contains("nothing answers at host:7001"));
        let message = "Failed to write to SRT socket: Error on SRT socket: Unknown or erroneous";
        assert!(loss(&caller, message, "", true).why.contains("closed the connection"));
        let listener = LiveOutput::parse("srt://:7001?mode=listener").unwrap();
        for message in ["GStreamer error: state change failed and some element failed", "Permission denied"] {
            let loss = loss(&listener, message, "Failed to start", false);
            assert!(
                loss.why.contains("cannot listen at :7001: another program") && loss.hint.contains("1024"),
                "{loss:?}"
            );
        }
        assert!(loss(&listener, "something new", "", true).why.contains("something new"));
        let playlist = LiveOutput::parse("a.m3u8").unwrap();
        assert!(loss(&playlist, "x", "write: No space left on device", true).why.contains("disk is full"));
        assert!(loss(&playlist, "cannot open", "", true).why.contains("cannot open"));
    }
}
