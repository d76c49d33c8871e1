//! A run's state as Prometheus reads it.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::status::{LegState, LegStatus, Playback, StageStatus, Status};

/// What [`text`] is.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The state in OpenMetrics, which Prometheus and its like read.
pub(crate) fn text(status: &Status, own_leg: Option<LegStatus>) -> Result<String, fmt::Error> {
    let mut status = status.clone();
    status.legs.extend(own_leg);
    // Two samples with the same labels would make the whole text invalid.
    distinguish(status.stages.iter_mut().map(|stage| &mut stage.name));
    distinguish(status.legs.iter_mut().map(|leg| &mut leg.name));
    let mut registry = Registry::with_prefix("moue");
    registry.register_collector(Box::new(Run(status)));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

fn distinguish<'a>(names: impl Iterator<Item = &'a mut String>) {
    let mut taken = HashSet::new();
    for name in names {
        let plain = name.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            *name = format!("{plain} ({number})");
            number += 1;
        }
    }
}

#[derive(Debug)]
struct Run(Status);

type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Collector for Run {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = &self.0;
        let mut to = Families(encoder);
        to.run(status)?;
        to.stages(&status.stages)?;
        to.legs(&status.legs)
    }
}

struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn run(&mut self, status: &Status) -> fmt::Result {
        let one = |value: f64| [(Vec::new(), value)];
        self.gauge("fps", "Frames rendered per second, lately", None, one(status.fps))?;
        self.counter("rendered_frames", "Frames rendered", one(status.rendered as f64))?;
        self.counter("dropped_frames", "Frames of a live source that were not rendered", one(status.dropped as f64))?;
        self.gauge("looping", "1 where the motion begins again at its end", None, one(flag(status.looping)))?;
        let playbacks = [
            (Playback::Starting, "starting"),
            (Playback::Playing, "playing"),
            (Playback::Paused, "paused"),
            (Playback::Ended, "ended"),
        ];
        let state = |(one, name)| (vec![("state", name)], flag(one == status.playback));
        self.gauge("playback", "1 for what is being done with the motion", None, playbacks.map(state))?;
        let latency = status.latency.map(|latency| (Vec::new(), latency.as_secs_f64()));
        self.gauge(
            "latency",
            "From a frame's arrival or turn to the end of its rendering",
            Some(Unit::Seconds),
            latency,
        )
    }

    fn stages(&mut self, stages: &[StageStatus]) -> fmt::Result {
        let each = |value: fn(&StageStatus) -> Option<f64>| {
            stages.iter().filter_map(move |stage| Some((vec![("stage", stage.name.as_str())], value(stage)?)))
        };
        self.gauge("stage_threads", "Threads that run the stage", None, each(|stage| Some(stage.threads as f64)))?;
        self.gauge(
            "stage_busy_share",
            "Share of the time in which it worked, lately",
            None,
            each(|stage| Some(stage.busy)),
        )?;
        let depth = |stage: &StageStatus| Some(stage.queue?.depth as f64);
        self.gauge("stage_queue_depth", "Items that wait for the stage", None, each(depth))?;
        let capacity = |stage: &StageStatus| Some(stage.queue?.capacity as f64);
        self.gauge("stage_queue_capacity", "Items that can wait for the stage", None, each(capacity))?;
        self.counter("stage_frames_in", "Frames that went in", each(|stage| Some(stage.frames_in? as f64)))?;
        self.counter("stage_frames_out", "Frames that came out", each(|stage| Some(stage.frames_out? as f64)))
    }

    fn legs(&mut self, legs: &[LegStatus]) -> fmt::Result {
        fn labels(leg: &LegStatus) -> Labels<'_> {
            vec![("leg", &leg.name), ("kind", &leg.kind)]
        }
        let each =
            |value: fn(&LegStatus) -> Option<f64>| legs.iter().filter_map(move |leg| Some((labels(leg), value(leg)?)));
        let states = legs.iter().flat_map(|leg| {
            LegState::ALL.map(|state| {
                let mut labels = labels(leg);
                labels.push(("state", state.name()));
                (labels, flag(state == leg.state))
            })
        });
        self.gauge("leg_state", "1 for where the output is in its life", None, states)?;
        self.gauge("leg_busy_share", "Share of the time in which it worked, lately", None, each(|leg| Some(leg.busy)))?;
        self.gauge("leg_queue_depth", "Frames that wait for it", None, each(|leg| Some(leg.queue?.depth as f64)))?;
        let capacity = |leg: &LegStatus| Some(leg.queue?.capacity as f64);
        self.gauge("leg_queue_capacity", "Frames that can wait for it", None, each(capacity))?;
        self.counter("leg_frames_in", "Frames it was given", each(|leg| Some(leg.frames_in as f64)))?;
        self.counter(
            "leg_frames_out",
            "Frames that went out, repeated ones too",
            each(|leg| Some(leg.frames_out as f64)),
        )?;
        self.counter("leg_frames_dropped", "Frames that newer ones replaced", each(|leg| Some(leg.dropped as f64)))?;
        self.counter("leg_frames_repeated", "Frames that went out once more", each(|leg| Some(leg.repeated as f64)))?;
        self.counter("leg_sent_bytes", "Bytes that went out", each(|leg| Some(leg.bytes as f64)))?;
        self.counter("leg_encoded_frames", "Frames that were encoded", each(|leg| Some(leg.encoded as f64)))?;
        let encoding = each(|leg| Some(leg.encoding.as_secs_f64()));
        self.counter("leg_encoding_seconds", "Time spent encoding", encoding)?;
        let latency = each(|leg| leg.latency.as_ref().map(Duration::as_secs_f64));
        self.gauge("leg_latency", "From a frame's rendering until it is seen or sent", Some(Unit::Seconds), latency)
    }

    fn gauge<'s>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        samples: impl IntoIterator<Item = (Labels<'s>, f64)>,
    ) -> fmt::Result {
        self.family(name, help, unit, ConstGauge::new, samples)
    }

    fn counter<'s>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'s>, f64)>,
    ) -> fmt::Result {
        self.family(name, help, None, ConstCounter::new, samples)
    }

    /// One line for each sample; nothing where there are none.
    fn family<'s, M: EncodeMetric>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        metric: impl Fn(f64) -> M,
        samples: impl IntoIterator<Item = (Labels<'s>, f64)>,
    ) -> fmt::Result {
        let samples: Vec<(Labels<'s>, f64)> = samples.into_iter().collect();
        if samples.is_empty() {
            return Ok(());
        }
        let kind = metric(0.0).metric_type();
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        if let [(labels, value)] = samples.as_slice()
            && labels.is_empty()
        {
            return metric(*value).encode(family);
        }
        for (labels, value) in &samples {
            metric(*value).encode(family.encode_family(labels)?)?;
        }
        Ok(())
    }
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Queue;

    fn leg(name: &str) -> LegStatus {
        LegStatus {
            name: name.to_owned(),
            kind: "rtmp".to_owned(),
            state: LegState::Lost,
            frames_in: 12,
            repeated: 3,
            encoding: Duration::from_millis(1500),
            queue: Some(Queue { depth: 1, capacity: 2 }),
            ..LegStatus::default()
        }
    }

    #[test]
    fn every_number_has_a_line() {
        let stage = StageStatus { name: "render".to_owned(), threads: 2, busy: 0.75, ..StageStatus::default() };
        let counted = StageStatus { name: "hand out".to_owned(), frames_out: Some(7), ..StageStatus::default() };
        let status = Status {
            playback: Playback::Playing,
            fps: 24.5,
            rendered: 100,
            latency: Some(Duration::from_millis(40)),
            stages: vec![stage, counted],
            legs: vec![leg("rtmp://127.0.0.1/live/\"x\"\n")],
            ..Status::default()
        };
        let text = text(&status, Some(leg("preview"))).unwrap();
        for line in [
            "# TYPE moue_fps gauge",
            "moue_fps 24.5",
            "moue_rendered_frames_total 100.0",
            "moue_playback{state=\"playing\"} 1.0",
            "moue_playback{state=\"paused\"} 0.0",
            "moue_latency_seconds 0.04",
            "moue_stage_busy_share{stage=\"render\"} 0.75",
            "moue_stage_frames_out_total{stage=\"hand out\"} 7.0",
            "moue_leg_state{leg=\"rtmp://127.0.0.1/live/\\\"x\\\"\\n\",kind=\"rtmp\",state=\"lost\"} 1.0",
            "moue_leg_frames_in_total{leg=\"preview\",kind=\"rtmp\"} 12.0",
            "moue_leg_frames_repeated_total{leg=\"preview\",kind=\"rtmp\"} 3.0",
            "moue_leg_encoding_seconds_total{leg=\"preview\",kind=\"rtmp\"} 1.5",
            "moue_leg_queue_depth{leg=\"preview\",kind=\"rtmp\"} 1.0",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n\n{text}");
        }
        let unknown = "stage_frames_out_total{stage=\"render\"";
        assert!(!text.contains("stage_frames_in_total{") && !text.contains(unknown), "{text}");
        assert!(!text.contains("stage_queue_depth{") && !text.contains("leg_latency_seconds{"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn no_two_samples_are_the_same() {
        let status = Status { legs: vec![leg("a"), leg("a"), leg("a (2)")], ..Status::default() };
        let text = text(&status, Some(leg("a"))).unwrap();
        let samples: Vec<&str> = text.lines().filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name).collect();
        let different: HashSet<&str> = samples.iter().copied().collect();
        assert_eq!(samples.len(), different.len(), "{text}");
        assert_eq!(text.matches("moue_leg_frames_in_total{").count(), 4);
    }
}
