//! The page in a real browser.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use image::RgbImage;
use moue_preview::{Command, LegState, LegStatus, Playback, Preview, PreviewAddress, Queue, StageStatus, Status};
use moue_storyboard::{Files, Storyboard};
use moue_timeline::{Expression, Shape};
use serde_json::{Value, json};

use crate::support::chromium::{Browser, base64};
use crate::support::{DIFFERENT, Film, SAME, authority, difference, draw, open, scene, toy, wait_for};

/// Several browsers at once would be too much for a small machine.
static ONE_BROWSER: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_BROWSER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is on the page's canvas.
fn canvas(browser: &mut Browser) -> RgbImage {
    let url = browser.evaluate("document.getElementById('picture').toDataURL('image/png')");
    let data = url.as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();
    image::load_from_memory(&base64(data)).unwrap().to_rgb8()
}

/// Runs `act`, and waits until the picture of the pose that it leads to is drawn.
fn posed(browser: &mut Browser, act: impl FnOnce(&mut Browser)) -> RgbImage {
    let last = |browser: &mut Browser| browser.evaluate("Number(document.getElementById('picture').dataset.pose ?? 0)");
    let before = last(browser);
    act(browser);
    browser.wait_for(&format!("Number(document.getElementById('picture').dataset.pose ?? 0) > {before}"));
    canvas(browser)
}

fn set_slider(browser: &mut Browser, channel: &str, value: f64) {
    let id = json!(format!("channel-{channel}"));
    browser.evaluate(&format!(
        "(() => {{ const slider = document.getElementById({id}); slider.value = {value}; \
         slider.dispatchEvent(new Event('input', {{bubbles: true}})); }})()"
    ));
}

fn set_name(browser: &mut Browser, name: &str) {
    browser.evaluate(&format!(
        "(() => {{ const input = document.getElementById('name'); input.value = {}; \
         input.dispatchEvent(new Event('input')); }})()",
        json!(name)
    ));
}

fn text(browser: &mut Browser, selector: &str) -> String {
    let value = browser.evaluate(&format!("document.querySelector({}).textContent", json!(selector)));
    value.as_str().unwrap_or_default().to_owned()
}

fn wait_for_text(browser: &mut Browser, selector: &str, text: &str) {
    browser.wait_for(&format!("document.querySelector({}).textContent.includes({})", json!(selector), json!(text)));
}

/// Where `MOUE_SCREENSHOTS` names a folder, a picture of the page is left there for people.
fn screenshot(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("MOUE_SCREENSHOTS") {
        browser.screenshot(&PathBuf::from(folder).join(format!("{name}.png")));
    }
}

fn status() -> Status {
    let leg = |name: &str, kind: &str, state: LegState, detail: Option<&str>| LegStatus {
        name: name.to_owned(),
        kind: kind.to_owned(),
        state,
        detail: detail.map(str::to_owned),
        busy: 0.31,
        queue: Some(Queue { depth: 1, capacity: 2 }),
        frames_in: 1420,
        frames_out: 1403,
        dropped: 17,
        repeated: 42,
        bytes: 4_200_000,
        encoded: 1403,
        encoding: Duration::from_millis(9100),
        latency: Some(Duration::from_millis(38)),
    };
    let stage = |name: &str, threads: usize, busy: f64| StageStatus {
        name: name.to_owned(),
        threads,
        busy,
        queue: Some(Queue { depth: 2, capacity: 4 }),
        frames_in: Some(1421),
        frames_out: (name != "sample").then_some(1420),
    };
    Status {
        playback: Playback::Playing,
        looping: true,
        fps: 24.96,
        rendered: 1420,
        dropped: 3,
        latency: Some(Duration::from_millis(22)),
        stages: vec![stage("sample", 1, 0.02), stage("render", 2, 0.83), stage("hand out", 1, 0.07)],
        legs: vec![
            leg("take.mp4", "mp4", LegState::Live, None),
            leg("rtmp://127.0.0.1/live", "rtmp", LegState::Lost, Some("the server closed the connection")),
        ],
    }
}

/// The expression of a storyboard into which what the page copied is pasted.
fn pasted(yaml: &str, name: &str) -> Expression {
    struct Given(String);
    impl Files for Given {
        fn read(&self, _: &std::path::Path) -> Result<Vec<u8>, String> {
            Ok(self.0.clone().into_bytes())
        }
        fn check_portrait(&self, _: &std::path::Path) -> Result<(), String> {
            Ok(())
        }
        fn sound_seconds(&self, _: &std::path::Path) -> Result<f64, String> {
            Err("no sound".to_owned())
        }
        fn motion_seconds(&self, _: &std::path::Path) -> Result<f64, String> {
            Err("no motion".to_owned())
        }
    }
    let text = format!(
        "moue: 1\ncast: {{ada: ada.png}}\nexpressions:\n  {}\nshots: [{{blink: false, idle: false, beats: at 1s to {name}}}]\n",
        yaml.trim_end()
    );
    let read = Storyboard::read(std::path::Path::new("pasted.yaml"), &Given(text));
    let (storyboard, _) = read.unwrap_or_else(|wrong| panic!("{wrong}"));
    storyboard.timeline(0, |_| Err("no motion")).unwrap().sample(25).expression
}

#[test]
fn the_picture_moves_and_sliders_change_the_face() {
    let _alone = alone();
    let preview = Arc::new(open("preview://"));
    preview.status(status());
    let film = Film::play(&preview);
    let mut browser = Browser::open(preview.url(), 1360, 1100);
    let frame = "Number(document.getElementById('picture').dataset.frame ?? -1)";
    browser.wait_for(&format!("{frame} >= 0"));
    wait_for_text(&mut browser, "#title", "A toy face");

    // The picture moves, and the page says how.
    let number = browser.evaluate(frame).as_u64().unwrap();
    let first = canvas(&mut browser);
    browser.wait_for(&format!("{frame} > {number}"));
    wait_for("another picture", || difference(&first, &canvas(&mut browser)) > DIFFERENT);
    wait_for_text(&mut browser, "#legend", "jawOpen");
    wait_for_text(&mut browser, "#fps", "25.0");
    wait_for_text(&mut browser, "#legs", "the server closed the connection");
    wait_for_text(&mut browser, "#legs", "preview");
    wait_for_text(&mut browser, "#stages", "render");
    wait_for_text(&mut browser, "#stages tr", "1,421–");
    browser.wait_for("document.getElementById('latency').textContent !== '–'");
    let latency: f64 = text(&mut browser, "#latency").parse().unwrap();
    assert!((0.0..60_000.0).contains(&latency), "{latency}");
    assert_eq!(text(&mut browser, "#repeated"), "84");
    let curves = "document.getElementById('curves').toDataURL()";
    let drawn = browser.evaluate(curves);
    browser.wait_for(&format!("{curves} !== {drawn}"));
    // Pointing at the curves tells their values there.
    let middle = browser.evaluate(
        "(() => { const box = document.getElementById('curves').getBoundingClientRect(); \
         return [box.right - box.width / 8, box.y + box.height / 2]; })()",
    );
    browser.point(middle[0].as_f64().unwrap(), middle[1].as_f64().unwrap());
    browser.wait_for("/frame \\d+ .* s ago.*jawOpen/.test(document.getElementById('tip').textContent)");
    screenshot(&mut browser, "film");

    // A slider changes the face at once; the film goes on behind it.
    let neutral = draw(&Expression::NEUTRAL);
    let smiling = posed(&mut browser, |browser| set_slider(browser, "mouthSmileLeft", 0.8));
    let mut smile = Expression::NEUTRAL;
    smile.set(Shape::MouthSmileLeft, 0.8);
    smile.set(Shape::MouthSmileRight, 0.8);
    assert!(difference(&smiling, &draw(&smile)) < SAME && difference(&smiling, &neutral) > DIFFERENT);
    assert_eq!(text(&mut browser, "#yaml"), "found: {mouthSmile: 0.8}");
    assert_eq!(text(&mut browser, "#badge"), "Trying an expression");

    // One side alone, by keyboard; then its mirror image.
    browser.click("#both");
    let winking = posed(&mut browser, |browser| {
        browser.evaluate("document.getElementById('channel-eyeBlinkRight').focus()");
        browser.press("End");
    });
    smile.set(Shape::EyeBlinkRight, 1.0);
    assert!(difference(&winking, &draw(&smile)) < SAME);
    let mirrored = posed(&mut browser, |browser| browser.click("#mirror"));
    assert!(difference(&mirrored, &draw(&smile.mirrored())) < SAME);
    assert!(difference(&mirrored, &draw(&smile)) > DIFFERENT);

    // What is copied gives the same picture in a storyboard.
    for (channel, value) in [("head_yaw", -12.5), ("jawOpen", 0.37), ("browInnerUp", 0.6), ("jawLeft", 0.2)] {
        posed(&mut browser, |browser| set_slider(browser, channel, value));
    }
    let found = posed(&mut browser, |browser| set_name(browser, "glee"));
    wait_for_text(&mut browser, "#yaml", "glee: ");
    screenshot(&mut browser, "pose");
    browser.allow_clipboard();
    browser.click("#copy");
    wait_for_text(&mut browser, "#copy", "Copied");
    let yaml = browser.evaluate("navigator.clipboard.readText()");
    let yaml = yaml.as_str().unwrap();
    assert!(yaml.starts_with("glee: {eyeBlinkLeft: 1, ") && yaml.ends_with("}\n"), "{yaml}");
    let expression = pasted(yaml, "glee");
    assert!(difference(&found, &draw(&expression)) < SAME, "{yaml}");
    assert_eq!((expression.get(Shape::JawOpen), expression.head.yaw), (0.37, (-12.5f64).to_radians() as f32));

    // A name that no storyboard takes is told.
    posed(&mut browser, |browser| set_name(browser, "not a name"));
    wait_for_text(&mut browser, "#notice", "a name is letters");

    // At rest again, then back to the film.
    let rest = posed(&mut browser, |browser| browser.click("#reset"));
    assert!(difference(&rest, &neutral) < SAME);
    let number = browser.evaluate(frame).as_u64().unwrap();
    browser.press("Escape");
    browser.wait_for(&format!("{frame} > {}", number + 5));
    wait_for("the film", || difference(&canvas(&mut browser), &neutral) > DIFFERENT);

    drop(film);
    let complaints = browser.complaints().to_vec();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn buttons_keys_and_a_server_that_comes_back() {
    let _alone = alone();
    let preview = open("preview://127.0.0.1?token=sixteen-letters_");
    preview.status(Status { playback: Playback::Playing, ..Status::default() });
    crate::support::show(&preview, 10);
    let mut browser = Browser::open(preview.url(), 1280, 900);
    browser.wait_for("document.getElementById('picture').dataset.frame === '10'");
    // The token has left the address, and is not to be had by scripts; the page can be loaded again without it.
    assert_eq!(browser.evaluate("[location.search, document.cookie].join()"), ",");
    let plain = format!("http://{}/", authority(preview.url()));
    browser.go(&plain);
    browser.wait_for("document.getElementById('picture').dataset.frame === '10'");
    wait_for_text(&mut browser, "#connection", "connected");

    let mut commands = |preview: &Preview, act: &mut dyn FnMut(&mut Browser)| {
        act(&mut browser);
        preview.commands().recv_timeout(crate::support::PATIENCE).unwrap()
    };
    assert_eq!(commands(&preview, &mut |browser| browser.click("#pause")), Command::Pause);
    assert_eq!(commands(&preview, &mut |browser| browser.click("#restart")), Command::Restart);
    assert_eq!(commands(&preview, &mut |browser| browser.press("l")), Command::Loop(true));
    assert_eq!(commands(&preview, &mut |browser| browser.click("#stop")), Command::Stop);
    preview.status(Status { playback: Playback::Paused, looping: true, ..Status::default() });
    wait_for_text(&mut browser, "#pause", "Play");
    let mut commands = |act: &mut dyn FnMut(&mut Browser)| {
        act(&mut browser);
        preview.commands().recv_timeout(crate::support::PATIENCE).unwrap()
    };
    // Space presses the button that has the focus; elsewhere it plays.
    let play = commands(&mut |browser| {
        browser.evaluate("document.activeElement.blur()");
        browser.press(" ");
    });
    assert_eq!(play, Command::Play);
    assert_eq!(commands(&mut |browser| browser.press("l")), Command::Loop(false));

    // Keys mean nothing where text is written; the filter shows what it names.
    browser.press("/");
    for key in ["l", "o", "o", "k"] {
        browser.press(key);
    }
    let seen = browser.evaluate(
        "[...document.querySelectorAll('.slider')].filter(row => row.checkVisibility()).map(row => row.querySelector('input').id)",
    );
    let seen: Vec<&str> = seen.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(seen.len() == 8 && seen.iter().all(|id| id.starts_with("channel-eyeLook")), "{seen:?}");
    assert!(preview.commands().try_recv().is_err());

    // The server goes and comes back at the same address.
    let address = PreviewAddress::parse(&format!("preview://{}?token=sixteen-letters_", authority(preview.url())));
    drop(preview);
    wait_for_text(&mut browser, "#connection", "the run has ended");
    let again = Preview::open(&address.unwrap(), scene(), Some(toy())).unwrap();
    crate::support::show(&again, 77);
    browser.wait_for("document.getElementById('picture').dataset.frame === '77'");
    wait_for_text(&mut browser, "#connection", "connected");
}

#[test]
fn it_looks_well_light_dark_and_narrow() {
    let _alone = alone();
    let preview = Arc::new(open("preview://"));
    preview.status(status());
    let _film = Film::play(&preview);
    let mut browser = Browser::open(preview.url(), 1360, 1100);
    browser.wait_for("document.querySelectorAll('#legend li').length > 3");
    let back = "getComputedStyle(document.body).backgroundColor";
    let is_dark = |color: Value| {
        let text = color.as_str().unwrap_or_default().to_owned();
        let levels: Vec<u32> =
            text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).take(3).collect();
        assert_eq!(levels.len(), 3, "{text}");
        levels.iter().sum::<u32>() < 200
    };
    for (dark, width, height) in
        [(false, 1360, 1100), (true, 1360, 1100), (true, 390, 844), (false, 390, 844), (true, 800, 1000)]
    {
        browser.prefer_dark(dark);
        browser.resize(width, height);
        assert_eq!(is_dark(browser.evaluate(back)), dark);
        // Nothing is cut off at the side.
        browser.wait_for("document.documentElement.scrollWidth <= innerWidth");
        let (x, y) = (f64::from(width) * 0.4, f64::from(height) * 0.6);
        browser.point(x, y);
        std::thread::sleep(Duration::from_millis(200));
        screenshot(&mut browser, &format!("{}-{width}", if dark { "dark" } else { "light" }));
    }
    // Every control has a name for those who do not see it.
    let nameless = browser.evaluate(
        "[...document.querySelectorAll('input, button')].filter(one => !(one.textContent.trim() || one.labels?.length || one.ariaLabel)).length",
    );
    assert_eq!(nameless, 0);
}
