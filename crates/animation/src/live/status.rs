//! How a run is going, from what its parts count.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use moue_engine::Report;
use moue_media::LegStats;
use moue_preview::{LegState, LegStatus, Playback, Queue, StageStatus, Status};

/// What the names of stages and queues of outputs begin with.
const WRITE: &str = "write ";
const QUEUE: &str = "to ";

/// Works out what happened lately from counts since the start.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    /// When it was looked at before, the frames at that time, and the times that stages and legs had worked.
    before: Option<(Instant, u64)>,
    worked: HashMap<String, Duration>,
    /// Files as they were told last: they are finished before those who watch have seen enough.
    files: HashMap<String, LegStatus>,
}

/// What a [`Status`] is made of.
pub(super) struct Parts<'a> {
    pub playback: Playback,
    pub is_repeating: bool,
    pub rendered: u64,
    pub dropped: u64,
    pub latency: Option<Duration>,
    pub report: &'a Report,
    /// Files: their names and kinds.
    pub files: &'a [(String, String)],
    /// Streams: names, kinds, counts, and why they failed.
    pub streams: Vec<(String, String, LegStats, Option<String>)>,
}

impl Gauge {
    /// How the run is going now.
    pub(super) fn status(&mut self, parts: Parts<'_>) -> Status {
        let now = Instant::now();
        let (seconds, frames) = match self.before.replace((now, parts.rendered)) {
            Some((then, before)) => ((now - then).as_secs_f64(), parts.rendered.saturating_sub(before)),
            None => (0.0, 0),
        };
        let report = parts.report;
        let stages = report.stages.iter().filter(|stage| !stage.name.starts_with(WRITE));
        let stages = stages.map(|stage| self.stage(stage, report, seconds)).collect();
        let files = parts.files.iter().map(|(name, kind)| self.file(name, kind, report, seconds));
        let mut legs: Vec<LegStatus> = files.collect();
        for (name, kind, stats, failure) in parts.streams {
            legs.push(self.stream(name, kind, &stats, failure, seconds));
        }
        Status {
            playback: parts.playback,
            looping: parts.is_repeating,
            fps: if seconds > 0.0 { frames as f64 / seconds } else { 0.0 },
            rendered: parts.rendered,
            dropped: parts.dropped,
            latency: parts.latency,
            stages,
            legs,
        }
    }

    /// The share of the last `seconds` in which something worked, of which `worked` is known since the start.
    fn busy(&mut self, name: &str, worked: Duration, threads: usize, seconds: f64) -> f64 {
        let before = self.worked.insert(name.to_owned(), worked);
        // A run that begins anew counts from 0 again.
        let lately = worked.saturating_sub(before.unwrap_or_default()).as_secs_f64();
        let most = seconds * threads.max(1) as f64;
        if most > 0.0 { (lately / most).clamp(0.0, 1.0) } else { 0.0 }
    }

    fn stage(&mut self, stage: &moue_engine::StageStats, report: &Report, seconds: f64) -> StageStatus {
        // Each stage reads the queue after the one that the stage before it writes.
        let queue = |name: &str| report.channel(name);
        let (into, out) = match stage.name.as_str() {
            "sample" | "frames" => (None, queue("asked")),
            "render" | "draw" => (queue("asked"), queue("rendered").or(queue("drawn"))),
            "hand out" => (queue("rendered").or(queue("drawn")), None),
            "measure" => (queue("to measure"), None),
            _ => (None, None),
        };
        StageStatus {
            name: stage.name.clone(),
            threads: stage.threads,
            busy: self.busy(&stage.name, stage.busy, stage.threads, seconds),
            queue: into.map(|queue| Queue { depth: queue.depth, capacity: queue.capacity }),
            frames_in: into.map_or(0, |queue| queue.received),
            frames_out: out.or(into).map_or(0, |queue| queue.received),
        }
    }

    fn file(&mut self, name: &str, kind: &str, report: &Report, seconds: f64) -> LegStatus {
        let queue = report.channel(&format!("{QUEUE}{name}"));
        let stage = report.stage(&format!("{WRITE}{name}"));
        if let (None, Some(last)) = (stage, self.files.get(name)) {
            return LegStatus { state: LegState::Ended, busy: 0.0, queue: None, ..last.clone() };
        }
        let written = queue.map_or(0, |queue| queue.received);
        let told = LegStatus {
            name: name.to_owned(),
            kind: kind.to_owned(),
            state: match (written, stage) {
                (_, None) => LegState::Ended,
                (0, _) => LegState::Waiting,
                _ => LegState::Live,
            },
            busy: stage.map_or(0.0, |stage| self.busy(name, stage.busy, stage.threads, seconds)),
            queue: queue.map(|queue| Queue { depth: queue.depth, capacity: queue.capacity }),
            frames_in: queue.map_or(0, |queue| queue.sent),
            frames_out: written,
            encoded: written,
            encoding: stage.map(|stage| stage.busy).unwrap_or_default(),
            ..LegStatus::default()
        };
        self.files.insert(name.to_owned(), told.clone());
        told
    }

    fn stream(
        &mut self,
        name: String,
        kind: String,
        stats: &LegStats,
        failure: Option<String>,
        seconds: f64,
    ) -> LegStatus {
        use moue_media::LegState as Of;
        LegStatus {
            busy: self.busy(&name, stats.encoding, 1, seconds),
            state: match (stats.state, &failure) {
                (_, Some(_)) => LegState::Failed,
                (Of::Waiting, _) => LegState::Waiting,
                (Of::Connecting, _) => LegState::Connecting,
                (Of::Live, _) => LegState::Live,
                (Of::Lost, _) => LegState::Lost,
                (Of::Ended, _) => LegState::Ended,
            },
            name,
            kind,
            detail: failure,
            queue: None,
            frames_in: stats.frames,
            frames_out: stats.sent,
            dropped: stats.dropped,
            repeated: stats.repeated,
            bytes: stats.bytes,
            encoded: stats.encoded,
            encoding: stats.encoding,
            latency: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_lately_follows_from_counts() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.busy("render", Duration::from_secs(1), 2, 0.0), 0.0);
        assert_eq!(gauge.busy("render", Duration::from_secs(2), 2, 1.0), 0.5);
        assert_eq!(gauge.busy("render", Duration::from_millis(100), 2, 1.0), 0.0, "a run that begins anew");
        assert_eq!(gauge.busy("render", Duration::from_secs(9), 2, 1.0), 1.0);
    }

    #[test]
    fn a_run_is_told_by_its_stages_and_queues() {
        let token = moue_engine::CancelToken::new();
        let (monitor, _) = moue_engine::run(&token, |scope| {
            let (numbers, source) = scope.channel::<u32>("to a.mp4", 4);
            scope.stage("render", move |_| {
                (0..3).try_for_each(|n| numbers.send(n))?;
                numbers.close();
                Ok(())
            });
            scope.stage("write a.mp4", move |_| {
                while source.recv()?.is_some() {}
                Ok(())
            });
            scope.monitor()
        })
        .unwrap();
        let mut gauge = Gauge::default();
        let mut status = |report: &Report| {
            gauge.status(Parts {
                playback: Playback::Playing,
                is_repeating: true,
                rendered: 3,
                dropped: 0,
                latency: None,
                report,
                files: &[("a.mp4".to_owned(), "MP4".to_owned())],
                streams: vec![("x".to_owned(), "RTMP".to_owned(), LegStats::default(), Some("gone".to_owned()))],
            })
        };
        let (status, later) = (status(&monitor.report()), status(&Report::default()));
        assert_eq!(status.stages.len(), 1, "writers are outputs");
        let [file, stream] = &status.legs[..] else { panic!("{status:?}") };
        assert_eq!((file.frames_in, file.frames_out, file.state), (3, 3, LegState::Live));
        assert_eq!((later.legs[0].frames_out, later.legs[0].state), (3, LegState::Ended), "also when others go on");
        assert_eq!((stream.state, stream.detail.as_deref()), (LegState::Failed, Some("gone")));
    }
}
