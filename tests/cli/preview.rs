//! The preview page of a real run, in a real browser.

use std::process::{Command, Stdio};

use image::RgbImage;
use serde_json::json;

use self::chromium::{Browser, base64};
use crate::{
    harness::{Bench, PROGRAM, motion},
    live::{Running, rtmp::wait_for},
};

#[path = "../../crates/preview/tests/support/chromium.rs"]
#[allow(dead_code, reason = "the tests of moue-preview use all of it")]
mod chromium;

fn canvas(browser: &mut Browser) -> RgbImage {
    let url = browser.evaluate("document.getElementById('picture').toDataURL('image/png')");
    let data = url.as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();
    image::load_from_memory(&base64(data)).unwrap().to_rgb8()
}

/// Mean difference per value.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.iter().zip(b.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

/// The address that a run has said after `what`.
pub fn url(running: &mut Running, what: &str) -> String {
    running.wait_for(&format!("{what}: http://"));
    let said = running.said();
    let line = said.lines().find_map(|line| line.strip_prefix(&format!("{what}: "))).unwrap();
    line.trim().to_owned()
}

pub fn metrics(url: &str) -> String {
    let output = std::process::Command::new("curl").args(["-sS", "-m", "20", url]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_pose_that_was_found_on_the_page_is_a_storyboards() {
    let bench = Bench::new();
    bench.write("long.csv", motion(2.0).as_bytes());
    let outputs = ["-o", "preview://127.0.0.1:0", "-o", "a.mp4", "--metrics", "127.0.0.1:0"];
    let arguments = [&["animate", "me.png", "long.csv", "--size", "200x200", "--loop"], &outputs[..]].concat();
    let mut running = Running::start(&bench, &arguments);
    let (page, numbers) = (url(&mut running, "preview"), url(&mut running, "metrics"));
    let mut browser = Browser::open(&page, 1200, 900);
    browser.wait_for("document.getElementById('picture').width === 200");
    let first = canvas(&mut browser);
    wait_for("a picture that moves", || difference(&first, &canvas(&mut browser)) > 0.2);
    // The file is there while the page goes on.
    running.wait_for("on air until");
    assert!(bench.path("a.mp4").exists());

    let slide = "(() => { const slider = document.getElementById('channel-jawOpen'); slider.value = 0.8; \
                 slider.dispatchEvent(new Event('input', {bubbles: true})); })()";
    let open = posed(&mut browser, slide);
    let yaml = browser.evaluate("document.getElementById('yaml').textContent");
    let yaml = yaml.as_str().unwrap().to_owned();
    let calm = posed(&mut browser, "document.getElementById('reset').click()");
    assert!(difference(&calm, &open) > 0.5, "the jaw opens: {}", difference(&calm, &open));
    // Where it names a folder, a picture of the page is left there for people.
    if let Some(folder) = std::env::var_os("MOUE_SCREENSHOTS") {
        browser.screenshot(&std::path::Path::new(&folder).join("run.png"));
    }
    let (name, _) = yaml.trim().split_once(':').unwrap();
    let storyboard = format!(
        "moue: 1\noutput: {{size: 200x200, fps: 25}}\ncast: {{ada: me.png}}\nexpressions:\n  {}\n\
         shots: [{{blink: false, idle: false, length: 1.2s, framing: whole, beats: at 1s to {name}}}]\n",
        yaml.trim()
    );
    bench.write("found.yaml", storyboard.as_bytes());
    bench.run(&["storyboard", "found.yaml", "-o", "frames/"]).succeeded();
    let frame = image::open(bench.path("frames/00025.png")).unwrap().to_rgb8();
    // What the page shows went through JPEG, which costs hair and collar a little everywhere.
    let (same, other) = (difference(&frame, &open), difference(&frame, &calm));
    assert!(same < 4.0 && same < other / 2.0, "{yaml}: {same}, {other}");

    let text = metrics(&numbers);
    assert!(text.contains("a.mp4") && text.ends_with("# EOF\n"), "{text}");
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    browser.evaluate("document.getElementById('stop').click()");
    let ran = running.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn a_file_that_fails_while_the_page_goes_on_is_told_at_once() {
    let bench = Bench::new();
    bench.write("long.csv", motion(6.0).as_bytes());
    // As good as a disk that is full after 8 kB.
    let limited = format!("trap '' XFSZ; ulimit -f 8; exec {PROGRAM} \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &limited, "moue", "animate", "me.png", "long.csv", "--size", "200x200", "-o", "preview://"]);
    command
        .args(["-o", "a.mkv", "--metrics", "127.0.0.1:0", "--json"])
        .current_dir(bench.path(""))
        .stdin(Stdio::null());
    let mut running = Running::of(command.env("NO_COLOR", "1"));
    let numbers = url(&mut running, "metrics");
    running.wait_for("a.mkv: the disk is full");
    assert!(!running.said().contains("error: "), "{}", running.said());
    let state = |state: &str| {
        let text = metrics(&numbers);
        let mut lines = text.lines().filter(|line| line.starts_with("moue_leg_state{leg=\"a.mkv\""));
        lines.any(|line| line.ends_with(&format!("state=\"{state}\"}} 1.0")))
    };
    wait_for("the state", || state("failed"));
    running.wait_for("on air until");
    assert!(state("failed") && !running.said().contains("finished; on air"), "{}", running.said());
    running.signal("INT");
    let ran = running.end();
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("error: a.mkv: the disk is full") && ran.stderr.contains("hint: "), "{}", ran.stderr);
    // The page is told of too; nobody has opened it.
    let page = &ran.json()["live"][0];
    assert_eq!((&page["kind"], &page["frames"], &page["sessions"]), (&json!("preview"), &json!(151), &json!(0)));
}

#[test]
fn a_storyboard_that_is_only_watched_begins_again_where_it_is_told_to() {
    let bench = Bench::new();
    bench.write(
        "film.yaml",
        b"moue: 1\noutput: {size: 96x96, fps: 25}\ncast: {me: me.png}\nshots:\n- beats: [hold 1s, then 0.5s to delight, hold 1.5s]\n",
    );
    let outputs = ["-o", "preview://127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    let mut running = Running::start(&bench, &[&["storyboard", "film.yaml"], &outputs[..]].concat());
    let (page, numbers) = (url(&mut running, "preview"), url(&mut running, "metrics"));
    let rendered = || {
        let text = metrics(&numbers);
        let count = text.lines().find_map(|line| line.strip_prefix("moue_rendered_frames_total "));
        count.map_or(0.0, |count| count.parse::<f64>().unwrap())
    };
    let mut browser = Browser::open(&page, 1200, 900);
    browser.wait_for("document.getElementById('picture').width === 96");
    wait_for("a few frames", || rendered() > 5.0);
    browser.evaluate("document.getElementById('restart').click()");
    wait_for("more frames than the film has", || rendered() > 76.0);
    browser.evaluate("document.getElementById('stop').click()");
    let ran = running.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// Runs a script, and waits for the picture of the pose that it leads to.
fn posed(browser: &mut Browser, script: &str) -> RgbImage {
    let pose = "Number(document.getElementById('picture').dataset.pose ?? 0)";
    let before = browser.evaluate(pose);
    browser.evaluate(script);
    browser.wait_for(&format!("{pose} > {}", json!(before)));
    canvas(browser)
}
