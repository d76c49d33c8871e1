use std::collections::BTreeMap;
use std::time::Duration;

use moue_preview::{LegState, LegStatus, Playback, Queue, StageStatus, Status};

use crate::support::{get, open, page, show};

/// Samples by name and labels, as a collector reads them; panics where the text breaks the format.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut families = BTreeMap::new();
    let mut samples = BTreeMap::new();
    let mut lines = text.lines();
    assert_eq!(lines.next_back(), Some("# EOF"));
    for line in lines {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(families.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} is there twice");
            continue;
        }
        if line.starts_with("# HELP ") || line.starts_with("# UNIT ") {
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        let name = sample.split('{').next().unwrap();
        let family = name.strip_suffix("_total").unwrap_or(name);
        let kind = families.get(family).unwrap_or_else(|| panic!("{line} has no type"));
        assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        assert!(name.starts_with("moue_") && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        assert!(samples.insert(sample.to_owned(), value.parse().unwrap()).is_none(), "{sample} is there twice");
    }
    samples
}

#[test]
fn the_run_and_the_page_itself_are_measured() {
    let preview = open("preview://");
    let mut page = page(preview.url());
    page.told("scene");
    show(&preview, 1);
    let picture = page.picture();
    page.shown(picture.sequence);
    let leg = LegStatus {
        name: "take.mp4".to_owned(),
        kind: "mp4".to_owned(),
        state: LegState::Live,
        frames_out: 12,
        queue: Some(Queue { depth: 2, capacity: 4 }),
        encoding: Duration::from_millis(300),
        ..LegStatus::default()
    };
    let stage = StageStatus { name: "render".to_owned(), busy: 0.5, frames_in: Some(14), ..StageStatus::default() };
    let status = Status {
        playback: Playback::Playing,
        fps: 24.75,
        rendered: 14,
        stages: vec![stage],
        legs: vec![leg],
        ..Status::default()
    };
    preview.status(status);
    // The page's word is heard before it is answered.
    page.say(serde_json::json!({"type": "echo", "at": 1}));
    page.told("echo");
    let samples = parse(&get(preview.url(), "/metrics").body);
    let own = |name: &str| {
        let labels = format!("{{leg=\"{}\",kind=\"preview\"}}", preview.leg().name);
        samples[&format!("moue_leg_{name}{labels}")]
    };
    assert_eq!((samples["moue_fps"], samples["moue_rendered_frames_total"]), (24.75, 14.0));
    assert_eq!(samples["moue_stage_busy_share{stage=\"render\"}"], 0.5);
    assert_eq!(samples["moue_leg_queue_depth{leg=\"take.mp4\",kind=\"mp4\"}"], 2.0);
    assert_eq!(samples["moue_leg_encoding_seconds_total{leg=\"take.mp4\",kind=\"mp4\"}"], 0.3);
    assert_eq!((own("frames_in_total"), own("encoded_frames_total")), (1.0, 1.0));
    assert!(own("latency_seconds") > 0.0 && own("sent_bytes_total") > 1000.0);
}
