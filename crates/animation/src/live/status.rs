//! How a run is going, from what its parts count.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use moue_engine::Report;
use moue_media::LegStats;
use moue_preview::{LegState, LegStatus, Playback, Queue, StageStatus, Status};

use super::broadcast::Beside;
use super::published::published;

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

/// What a file got in a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    given: u64,
    written: u64,
    worked: Duration,
}

impl Written {
    /// Nothing where it had no part in it.
    pub(super) fn of(report: &Report, taker: &str) -> Option<Self> {
        let stage = report.stage(&format!("{WRITE}{taker}"))?;
        let queue = report.channel(&format!("{QUEUE}{taker}"));
        let (given, written) = queue.map_or((0, 0), |queue| (queue.sent, queue.received));
        Some(Self { given, written, worked: stage.busy })
    }
}

impl std::ops::Add for Written {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            given: self.given + other.given,
            written: self.written + other.written,
            worked: self.worked + other.worked,
        }
    }
}

/// What has become of files.
#[derive(Debug, Default)]
pub(super) struct Fates {
    /// Those that failed, by their names: frames that were written, and why no more.
    failed: HashMap<String, (u64, String)>,
    /// Whether the others are complete.
    are_done: bool,
}

impl Fates {
    pub(super) fn fail(&mut self, name: &str, frames: u64, reason: &str) {
        self.failed.insert(name.to_owned(), (frames, reason.to_owned()));
    }

    pub(super) fn complete(&mut self) {
        self.are_done = true;
    }
}

/// What a [`Status`] is made of.
pub(super) struct Parts<'a> {
    pub playback: Playback,
    pub is_repeating: bool,
    pub rendered: u64,
    pub dropped: u64,
    pub latency: Option<Duration>,
    pub report: &'a Report,
    pub files: &'a [Beside],
    /// What files got in the runs before this one, by what takes their frames.
    pub before: &'a HashMap<String, Written>,
    pub fates: &'a Fates,
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
        let stages = parts.report.stages.iter().filter(|stage| !stage.name.starts_with(WRITE));
        let stages = stages.map(|stage| self.stage(stage, &parts, seconds)).collect();
        let files = parts.files.iter().map(|file| self.file(file, &parts, seconds));
        let mut legs: Vec<LegStatus> = files.collect();
        for (index, (name, kind, stats, failure)) in parts.streams.into_iter().enumerate() {
            // Two streams may be shown as the same, without their secrets.
            let busy = self.busy(format!("leg {index}"), stats.encoding, 1, seconds);
            legs.push(stream(name, kind, &stats, failure, busy));
        }
        Status {
            playback: parts.playback,
            looping: parts.is_repeating,
            fps: if seconds > 0.0 { frames as f64 / seconds } else { 0.0 },
            rendered: parts.rendered,
            dropped: parts.dropped,
            latency: parts.latency,
            stages,
            legs: legs.into_iter().map(published).collect(),
        }
    }

    /// The share of the last `seconds` in which something worked, of which `worked` is known since the start.
    fn busy(&mut self, who: String, worked: Duration, threads: usize, seconds: f64) -> f64 {
        let before = self.worked.insert(who, worked);
        // A run that begins anew counts from 0 again.
        let lately = worked.saturating_sub(before.unwrap_or_default()).as_secs_f64();
        let most = seconds * threads.max(1) as f64;
        if most > 0.0 { (lately / most).clamp(0.0, 1.0) } else { 0.0 }
    }

    fn stage(&mut self, stage: &moue_engine::StageStats, parts: &Parts<'_>, seconds: f64) -> StageStatus {
        let queue = |name: &str| parts.report.channel(name);
        let shown = Some(parts.rendered);
        // Queues hold batches of frames, and begin anew with every pass: what goes through them is no count of frames
        // since the start. What was handed out was counted.
        let (into, frames_in, frames_out) = match stage.name.as_str() {
            "render" | "draw" => (queue("asked"), None, None),
            "hand out" => (queue("rendered").or(queue("drawn")), shown, shown),
            "perform" => (None, None, shown),
            // It gets single frames, in the first pass alone.
            "measure" => {
                let queue = queue("to measure");
                (queue, queue.map(|queue| queue.received), queue.map(|queue| queue.received))
            }
            _ => (None, None, None),
        };
        StageStatus {
            name: stage.name.clone(),
            threads: stage.threads,
            busy: self.busy(format!("stage {}", stage.name), stage.busy, stage.threads, seconds),
            queue: into.map(|queue| Queue { depth: queue.depth, capacity: queue.capacity }),
            frames_in,
            frames_out,
        }
    }

    fn file(&mut self, Beside { name, kind, taker }: &Beside, parts: &Parts<'_>, seconds: f64) -> LegStatus {
        let failure = parts.fates.failed.get(name);
        let before = parts.before.get(taker).copied();
        // Of a pass that the file had no part in, there is nothing to learn about it.
        if let Some(now) = Written::of(parts.report, taker).or(before.map(|_| Written::default())) {
            let Written { given, written, worked } = now + before.unwrap_or_default();
            let queue = parts.report.channel(&format!("{QUEUE}{taker}"));
            let told = LegStatus {
                state: if written == 0 { LegState::Waiting } else { LegState::Live },
                busy: self.busy(format!("file {name}"), worked, 1, seconds),
                queue: queue.map(|queue| Queue { depth: queue.depth, capacity: queue.capacity }),
                frames_in: given,
                frames_out: written,
                encoded: written,
                encoding: worked,
                ..LegStatus::default()
            };
            self.files.insert(name.clone(), told);
        }
        let last = self.files.get(name).cloned().unwrap_or_default();
        let told = LegStatus { name: name.clone(), kind: kind.clone(), ..last };
        match failure {
            // What it is still given is thrown away.
            Some((frames, reason)) => LegStatus {
                state: LegState::Failed,
                detail: Some(reason.clone()),
                busy: 0.0,
                queue: None,
                frames_out: *frames,
                encoded: *frames,
                ..told
            },
            None if parts.fates.are_done => LegStatus { state: LegState::Ended, busy: 0.0, queue: None, ..told },
            None => told,
        }
    }
}

fn stream(name: String, kind: String, stats: &LegStats, failure: Option<String>, busy: f64) -> LegStatus {
    use moue_media::LegState as Of;
    LegStatus {
        busy,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_lately_follows_from_counts() {
        let mut gauge = Gauge::default();
        let mut busy = |ms, seconds| gauge.busy("stage render".to_owned(), Duration::from_millis(ms), 2, seconds);
        assert_eq!((busy(1000, 0.0), busy(2000, 1.0)), (0.0, 0.5));
        assert_eq!(busy(100, 1.0), 0.0, "a run that begins anew");
        assert_eq!(busy(9000, 1.0), 1.0);
    }

    /// The report of a run in which a file got three frames, in a batch.
    fn report() -> Report {
        let token = moue_engine::CancelToken::new();
        let ((), report) = moue_engine::run(&token, |scope| {
            let (batches, to_hand_out) = scope.channel::<Vec<u32>>("rendered", 1);
            let (numbers, source) = scope.channel::<u32>("to a.mp4", 4);
            scope.stage("render", move |_| {
                batches.send(vec![0, 1, 2])?;
                batches.close();
                Ok(())
            });
            scope.stage("hand out", move |_| {
                while let Some(batch) = to_hand_out.recv()? {
                    batch.into_iter().try_for_each(|n| numbers.send(n))?;
                }
                numbers.close();
                Ok(())
            });
            scope.stage("write a.mp4", move |_| {
                while source.recv()?.is_some() {}
                Ok(())
            });
        })
        .unwrap();
        report
    }

    fn status(gauge: &mut Gauge, report: &Report, fates: &Fates, streams: &[(&str, LegStats, Option<&str>)]) -> Status {
        let stream = |(name, stats, failure): &(&str, LegStats, Option<&str>)| {
            ((*name).to_owned(), "RTMP".to_owned(), stats.clone(), failure.map(str::to_owned))
        };
        gauge.status(Parts {
            playback: Playback::Playing,
            is_repeating: true,
            rendered: 3,
            dropped: 0,
            latency: None,
            report,
            files: &[Beside::new("a.mp4".to_owned(), "MP4".to_owned())],
            before: &HashMap::new(),
            fates,
            streams: streams.iter().map(stream).collect(),
        })
    }

    #[test]
    fn a_run_is_told_by_its_stages_and_queues() {
        let (mut gauge, mut fates, report) = (Gauge::default(), Fates::default(), report());
        let gone = [("x", LegStats::default(), Some("gone"))];
        let told = status(&mut gauge, &report, &fates, &gone);
        let counts: Vec<_> =
            told.stages.iter().map(|stage| (stage.name.as_str(), stage.frames_in, stage.frames_out)).collect();
        assert_eq!(counts, [("render", None, None), ("hand out", Some(3), Some(3))], "a batch is no frame");
        let [file, stream] = &told.legs[..] else { panic!("{told:?}") };
        assert_eq!((file.frames_in, file.frames_out, file.state), (3, 3, LegState::Live), "it is being finished");
        assert_eq!((stream.state, stream.detail.as_deref()), (LegState::Failed, Some("gone")));
        fates.complete();
        for report in [report, Report::default()] {
            let file = &status(&mut gauge, &report, &fates, &[]).legs[0];
            assert_eq!((file.frames_out, file.state), (3, LegState::Ended), "also when others go on");
        }
    }

    #[test]
    fn a_file_that_failed_stays_failed_with_what_it_had() {
        let (mut gauge, mut fates, report) = (Gauge::default(), Fates::default(), report());
        fates.fail("a.mp4", 2, "the disk is full");
        for report in [report, Report::default()] {
            let file = &status(&mut gauge, &report, &fates, &[]).legs[0];
            assert_eq!((file.state, file.frames_out, file.encoded), (LegState::Failed, 2, 2));
            assert_eq!(file.detail.as_deref(), Some("the disk is full"));
            fates.complete();
        }
    }

    #[test]
    fn a_file_that_has_not_begun_waits() {
        let file = &status(&mut Gauge::default(), &Report::default(), &Fates::default(), &[]).legs[0];
        assert_eq!((file.name.as_str(), file.state), ("a.mp4", LegState::Waiting));
    }

    #[test]
    fn streams_that_are_shown_as_the_same_have_work_of_their_own() {
        let (mut gauge, fates) = (Gauge::default(), Fates::default());
        let worked = |seconds| LegStats { encoding: Duration::from_secs(seconds), ..LegStats::default() };
        let same = [("a", worked(100), None), ("a", worked(1), None)];
        status(&mut gauge, &Report::default(), &fates, &same);
        std::thread::sleep(Duration::from_millis(1));
        let told = status(&mut gauge, &Report::default(), &fates, &same);
        assert_eq!([told.legs[0].busy, told.legs[1].busy], [0.0; 2], "neither has worked since");
    }
}
