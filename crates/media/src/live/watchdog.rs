//! Notices servers that hold a connection and take nothing from it.
//!
//! At a low bit rate the buffers of two kernels hold many seconds of a stream, and nothing fails meanwhile. What shows it
//! is that bytes no longer arrive: the server acknowledges none, or this machine's kernel keeps more and more of them.
//! The latter is seen within seconds, on Linux; acknowledgements come every few megabytes (nginx: five), which at 1.5
//! Mbit/s is every half a minute.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstreamer as gst;

use super::output::LiveOutput;

/// How long nothing may arrive while there is something to send.
const PATIENCE: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(500);
/// Bytes that must have been sent in vain; one that waits for a moment is no sign.
const LEAST: u64 = 16 * 1024;

/// What is known of a connection's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bytes {
    /// Given to the kernel.
    sent: u64,
    /// Of those, how many the server has acknowledged (RTMP's own acknowledgements, which come in large steps).
    acknowledged: u64,
    /// After how many bytes the server was asked to acknowledge.
    window: u64,
    /// Of `sent`, how many are known not to have left this machine, where that can be known.
    waiting: Option<u64>,
}

/// Looks at a sink from time to time.
pub(super) struct Watchdog {
    server: Option<Server>,
    next: Instant,
    arrived: Progress,
    acknowledged: Progress,
    passed: Progress,
    /// The largest step by which the server acknowledged.
    step: u64,
}

/// Where the connections go to that are looked at.
struct Server {
    host: String,
    port: u16,
    /// The host's addresses, as soon as they are known: another server may have the same port.
    addresses: Option<Arc<OnceLock<Vec<IpAddr>>>>,
}

impl Server {
    /// Its host's addresses; none while they are not known, and where they cannot be.
    fn addresses(&mut self) -> &[IpAddr] {
        // A resolver may take seconds to answer. By now it has answered the sink.
        let found = self.addresses.get_or_insert_with(|| {
            let found = Arc::new(OnceLock::new());
            let (place, address) = (Arc::clone(&found), (self.host.clone(), self.port));
            let resolve = move || {
                let addresses = address.to_socket_addrs().into_iter().flatten();
                let _ = place.set(addresses.map(|address| address.ip().to_canonical()).collect());
            };
            let _ = std::thread::Builder::new().name("resolve".to_owned()).spawn(resolve);
            found
        });
        found.get().map_or(&[], Vec::as_slice)
    }

    /// Bytes that wait in this process's own connections to it; the least, if there are several, since a server that
    /// takes bytes from one of them is no frozen one. `None` where the system does not tell.
    fn waiting(&mut self) -> Option<u64> {
        let port = self.port;
        let addresses = self.addresses();
        let sockets: Vec<u64> = fs::read_dir("/proc/self/fd")
            .ok()?
            .flatten()
            .filter_map(|entry| {
                let target = fs::read_link(entry.path()).ok()?;
                target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
            })
            .collect();
        let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
        let tables = tables.map(|path| fs::read_to_string(path).unwrap_or_default());
        tables.iter().filter_map(|table| least_waiting(table, (addresses, port), &sockets)).min()
    }
}

/// A count, and since when it has not grown.
#[derive(Clone, Copy, Debug)]
struct Progress {
    count: u64,
    since: Instant,
    /// What had been sent then.
    sent: u64,
}

impl Progress {
    fn new(now: Instant) -> Self {
        Self { count: 0, since: now, sent: 0 }
    }

    /// By how much it grew.
    fn note(&mut self, count: u64, sent: u64, now: Instant) -> u64 {
        let growth = count.saturating_sub(self.count);
        if growth > 0 {
            *self = Self { count, since: now, sent };
        }
        growth
    }

    fn stands_still(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) > PATIENCE
    }
}

impl Watchdog {
    pub(super) fn new(output: &LiveOutput, now: Instant) -> Self {
        let server = output.tcp_port().map(|port| Server { host: output.host().to_owned(), port, addresses: None });
        let progress = Progress::new(now);
        Self { server, next: now, arrived: progress, acknowledged: progress, passed: progress, step: 0 }
    }

    /// Whether the server takes nothing any more. `passed`: buffers that the sink has taken; `has_room`: whether it would
    /// be given more.
    pub(super) fn barks(&mut self, sink: &gst::Element, passed: u64, has_room: bool, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now + INTERVAL;
        let Some(server) = &mut self.server else { return self.is_stuck(passed, has_room, now) };
        let bytes = statistics(sink).map(|bytes| Bytes { waiting: server.waiting(), ..bytes });
        self.is_stuck(passed, has_room, now) || bytes.is_some_and(|bytes| self.is_frozen(&bytes, now))
    }

    fn is_stuck(&mut self, passed: u64, has_room: bool, now: Instant) -> bool {
        if self.passed.note(passed, 0, now) > 0 || has_room {
            self.passed.since = now;
        }
        self.passed.stands_still(now)
    }

    fn is_frozen(&mut self, bytes: &Bytes, now: Instant) -> bool {
        let sent = bytes.sent;
        if let Some(waiting) = bytes.waiting {
            self.arrived.note(sent.saturating_sub(waiting), sent, now);
            if waiting > 0 && sent - self.arrived.sent.min(sent) > LEAST && self.arrived.stands_still(now) {
                return true;
            }
        }
        self.step = self.step.max(self.acknowledged.note(bytes.acknowledged, sent, now));
        // Servers need not acknowledge at all; one that did will do so again after as many bytes. Twice as many are too
        // many.
        let overdue = sent.saturating_sub(bytes.acknowledged) > 2 * self.step.max(bytes.window);
        bytes.acknowledged > 0 && overdue && self.acknowledged.stands_still(now)
    }
}

fn statistics(sink: &gst::Element) -> Option<Bytes> {
    let stats = sink.property::<Option<gst::Structure>>("stats")?;
    let number = |name: &str| {
        let wide = stats.get::<u64>(name).ok();
        wide.or_else(|| stats.get::<u32>(name).ok().map(u64::from)).unwrap_or(0)
    };
    Some(Bytes {
        sent: number("out-bytes-total"),
        acknowledged: number("out-bytes-acked"),
        window: number("out-window-ack-size"),
        waiting: None,
    })
}

/// From the kernel's table of connections (proc(5)): `sl local remote state tx:rx timer retransmits uid timeout inode`. No
/// addresses: any.
fn least_waiting(table: &str, (addresses, port): (&[IpAddr], u16), sockets: &[u64]) -> Option<u64> {
    const ESTABLISHED: &str = "01";
    let row = |line: &str| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let (remote, state, queues, inode) = (columns.get(2)?, columns.get(3)?, columns.get(4)?, columns.get(9)?);
        let (host, remote) = remote.rsplit_once(':')?;
        let is_there = u16::from_str_radix(remote, 16).ok()? == port
            && (addresses.is_empty() || address(host).is_none_or(|host| addresses.contains(&host)));
        let is_ours = is_there && *state == ESTABLISHED && sockets.contains(&inode.parse().ok()?);
        is_ours.then(|| u64::from_str_radix(queues.split_once(':')?.0, 16).ok()).flatten()
    };
    table.lines().skip(1).filter_map(row).min()
}

/// An address in that table: words of 32 bits, whose bytes lie as in this machine's memory.
fn address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:8F06 0100007F:078F 01 00001F40:00000000 01:00000014 00000000     0        0 77 2 0 20 4 30 10 -1
   1: 0100007F:8F08 0200007F:078F 01 00000010:00000000 00:00000000 00000000     0        0 78 1 0 20 4 30 10 -1
   2: 0100007F:8F0A 0100007F:078F 06 00000001:00000000 00:00000000 00000000     0        0 79 1 0 20 4 30 10 -1
   3: broken
";

    #[test]
    fn the_kernels_table_is_read() {
        assert_eq!(least_waiting(TABLE, (&[], 1935), &[77]), Some(8000));
        assert_eq!(least_waiting(TABLE, (&[], 1935), &[77, 78]), Some(16));
        // Somebody else's, another port, one that is closing.
        for (port, socket) in [(1935, 80), (1936, 77), (1935, 79)] {
            assert_eq!(least_waiting(TABLE, (&[], port), &[socket]), None);
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn another_server_with_the_same_port_is_another() {
        let own = [77, 78];
        assert_eq!(least_waiting(TABLE, (&["127.0.0.1".parse().unwrap()], 1935), &own), Some(8000));
        assert_eq!(least_waiting(TABLE, (&["127.0.0.2".parse().unwrap()], 1935), &own), Some(16));
        assert_eq!(least_waiting(TABLE, (&["127.0.0.3".parse().unwrap()], 1935), &own), None);
        let mapped = "0000000000000000FFFF00000100007F";
        let six = "B80D0120000000000000000001000000";
        assert_eq!(address(mapped), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(address(six), Some("2001:db8::1".parse().unwrap()));
        assert_eq!((address("0100007"), address("xx00007F")), (None, None));
    }

    /// One look each half second; the second at which it barks.
    fn second_of_bark(mut bytes: impl FnMut(f64) -> Bytes) -> Option<f64> {
        let start = Instant::now();
        let output = LiveOutput::parse("rtmp://host/live/key").unwrap();
        let mut watchdog = Watchdog::new(&output, start);
        let second = |i: u32| f64::from(i) * 0.5;
        (1..240).map(second).find(|at| watchdog.is_frozen(&bytes(*at), start + Duration::from_secs_f64(*at)))
    }

    #[test]
    fn bytes_that_stay_in_the_kernel_are_noticed() {
        // 20 kB/s, frozen after 10 s.
        let frozen = second_of_bark(|at| {
            let sent = (at * 20e3) as u64;
            Bytes { sent, waiting: Some(sent.saturating_sub(200_000)), ..Bytes::default() }
        });
        assert!(frozen.is_some_and(|at| (15.0..17.0).contains(&at)), "{frozen:?}");
        // A slow network with a full queue, from which something leaves all the time.
        let slow = second_of_bark(|at| {
            let sent = (at * 20e3) as u64;
            Bytes { sent, waiting: Some(sent - (at * 1e3) as u64), ..Bytes::default() }
        });
        assert_eq!(slow, None);
        // Nothing to send.
        assert_eq!(second_of_bark(|_| Bytes { sent: 5000, waiting: Some(10), ..Bytes::default() }), None);
    }

    #[test]
    fn acknowledgements_that_stay_out_are_noticed() {
        let acknowledging = |until: f64| {
            second_of_bark(move |at| {
                let step = |at: f64| (at * 200e3 / 1e6) as u64 * 1_000_000;
                Bytes { sent: (at * 200e3) as u64, acknowledged: step(at.min(until)), window: 0, waiting: None }
            })
        };
        assert_eq!(acknowledging(1000.0), None);
        let frozen = acknowledging(20.0);
        assert!(frozen.is_some_and(|at| (25.0..31.0).contains(&at)), "{frozen:?}");
        // Servers that never acknowledge are none that ceased to.
        assert_eq!(acknowledging(0.0), None);
    }
}
