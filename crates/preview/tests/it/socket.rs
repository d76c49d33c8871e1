use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use moue_preview::{Command, Controls, LegState, Limits, Playback, Preview, PreviewAddress, Scene, Status};
use moue_timeline::{HeadAxis, Shape};
use serde_json::json;
use tungstenite::Message;

use crate::support::{
    DIFFERENT, SAME, authority, curve_value, difference, draw, expression, open, open_with, page, scene, show,
    try_page, wait_for,
};

const POLICY: u16 = 1008;
const AGAIN: u16 = 1013;
const AWAY: u16 = 1001;

#[test]
fn a_page_gets_the_scene_frames_and_the_state() {
    let preview = open("preview://");
    let mut page = page(preview.url());
    let told = page.told("scene");
    assert_eq!((&told["title"], &told["can_pose"], &told["frames"]), (&json!("A toy face"), &json!(true), &json!(250)));
    assert_eq!(told["controls"], json!({"pause": true, "loop": true, "restart": true, "stop": true}));
    assert_eq!(told["channels"].as_array().unwrap().len(), 55);
    show(&preview, 40);
    let picture = page.picture();
    assert_eq!((picture.is_pose, picture.number, picture.values.len()), (false, 40, 55));
    let asked = expression(40);
    assert_eq!(picture.values[..52], asked.shapes);
    assert_eq!(picture.values[52], curve_value(&asked, HeadAxis::Yaw));
    let decoded = image::load_from_memory(&picture.jpeg).unwrap().to_rgb8();
    let [same, other] = [40, 80].map(|number| difference(&decoded, &draw(&expression(number))));
    assert!(same < SAME && other > DIFFERENT, "{same} {other}");
    preview.status(Status { playback: Playback::Paused, fps: 12.5, ..Status::default() });
    let told = std::iter::repeat_with(|| page.told("status")).find(|told| told["fps"] == 12.5).unwrap();
    assert_eq!((&told["playback"], &told["looping"]), (&json!("paused"), &json!(false)));
    assert_eq!((&told["preview"]["state"], &told["preview"]["kind"]), (&json!("live"), &json!("preview")));
    page.say(json!({"type": "echo", "at": 12.5}));
    let echo = page.told("echo");
    assert!(echo["at"] == 12.5 && echo["server"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_slow_page_leaves_frames_out_and_queues_none() {
    let preview = open("preview://");
    let mut page = page(preview.url());
    page.told("scene");
    // Frames until two are on their way: no more are sent until one of them has been shown.
    let mut number = 0;
    wait_for("two frames", || {
        show(&preview, number);
        number += 1;
        preview.leg().encoded >= 2
    });
    let first = page.picture();
    let second = page.picture();
    for _ in 0..200 {
        show(&preview, number);
        number += 1;
    }
    wait_for("the newest frame to be encoded", || {
        let leg = preview.leg();
        leg.encoded + leg.dropped == leg.frames_in
    });
    let sent = preview.leg().bytes;
    page.say(json!({"type": "echo", "at": 1}));
    page.told("echo");
    assert_eq!(preview.leg().bytes, sent, "nothing is sent to a page that shows nothing");
    page.shown(first.sequence);
    page.shown(second.sequence);
    let next = page.picture();
    assert_eq!(next.number, number - 1, "the newest frame comes next");
    assert!(next.sequence > second.sequence + 100);
    // The curves have what lies between.
    let numbers: Vec<u64> = next.rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (second.number + 1..number).collect::<Vec<_>>());
    let leg = preview.leg();
    assert_eq!((leg.frames_in, leg.state), (number, LegState::Live));
    assert!(leg.latency.is_some());
}

#[test]
fn a_page_that_reads_nothing_delays_nobody() {
    let preview = open("preview://");
    let _stuck = page(preview.url());
    let mut quick = page(preview.url());
    quick.told("scene");
    for number in 0..100 {
        show(&preview, number);
        let mut picture = quick.picture();
        while picture.number < number {
            quick.shown(picture.sequence);
            picture = quick.picture();
        }
        quick.shown(picture.sequence);
    }
}

#[test]
fn pictures_are_sent_only_where_they_are_seen() {
    let preview = open("preview://");
    show(&preview, 1);
    assert_eq!(preview.leg().state, LegState::Waiting);
    let mut page = page(preview.url());
    // The last frame is there for a page that comes late.
    let picture = page.picture();
    assert!(picture.number == 1 && !picture.jpeg.is_empty());
    page.say(json!({"type": "watch", "film": false}));
    page.shown(picture.sequence);
    page.say(json!({"type": "echo", "at": 1}));
    page.told("echo");
    let encoded = preview.leg().encoded;
    show(&preview, 2);
    let values = page.picture();
    assert!(values.number == 2 && values.jpeg.is_empty() && values.values.len() == 55);
    page.shown(values.sequence);
    assert_eq!(preview.leg().encoded, encoded);
    page.say(json!({"type": "watch", "film": true}));
    let picture = page.picture();
    assert!(picture.number == 2 && !picture.jpeg.is_empty());
}

#[test]
fn a_pose_is_drawn_and_written_as_yaml() {
    let preview = open("preview://");
    let mut page = page(preview.url());
    let values = json!({"jawOpen": 0.4, "mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "head_yaw": -8});
    page.say(json!({"type": "pose", "id": 3, "name": "glee", "values": values}));
    let told = page.told("yaml");
    assert_eq!(
        (&told["id"], &told["yaml"]),
        (&json!(3), &json!("glee: {jawOpen: 0.4, mouthSmile: 0.8, head_yaw: -8}"))
    );
    let picture = page.picture();
    assert!(picture.is_pose && picture.sequence == 3);
    let mut asked = moue_timeline::Expression::NEUTRAL;
    asked.set(Shape::JawOpen, 0.4);
    asked.set(Shape::MouthSmileLeft, 0.8);
    asked.set(Shape::MouthSmileRight, 0.8);
    asked.head.yaw = (-8f32).to_radians();
    let decoded = image::load_from_memory(&picture.jpeg).unwrap().to_rgb8();
    let difference = difference(&decoded, &draw(&asked));
    assert!(difference < SAME, "{difference}");
    // A name that no storyboard takes is told; the picture comes all the same.
    page.say(json!({"type": "pose", "id": 4, "name": "jawOpen", "values": {}}));
    assert!(page.told("refused")["message"].as_str().unwrap().contains("choose another name"));
    assert_eq!(page.picture().sequence, 4);
    page.say(json!({"type": "pose", "id": 5, "name": "a", "values": {"jaw_opne": 1}}));
    let told = page.told("refused");
    assert_eq!((&told["id"], &told["message"]), (&json!(5), &json!("there is no channel 'jaw_opne'")));
}

#[test]
fn of_many_poses_the_newest_is_drawn() {
    let (started, begun) = sync_channel(1);
    let (go, gate) = sync_channel::<()>(1);
    let (gate, seen) = (Mutex::new(gate), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&seen);
    let slow: moue_preview::PoseRenderer = Arc::new(move |expression| {
        noted.lock().unwrap().push(expression.get(Shape::JawOpen));
        started.send(()).unwrap();
        gate.lock().unwrap().recv().unwrap();
        Ok(draw(expression))
    });
    let address = PreviewAddress::parse("preview://").unwrap();
    let preview = Preview::open(&address, scene(), Some(slow)).unwrap();
    let mut page = page(preview.url());
    let mut ask = |id: u32| {
        let jaw = f64::from(id) / 10.0;
        page.say(json!({"type": "pose", "id": id, "name": "a", "values": {"jawOpen": jaw}}));
        page.told("yaml");
    };
    ask(1);
    begun.recv().unwrap();
    (2..=9).for_each(&mut ask);
    go.send(()).unwrap();
    assert_eq!(page.picture().sequence, 1);
    begun.recv().unwrap();
    go.send(()).unwrap();
    assert_eq!(page.picture().sequence, 9);
    assert_eq!(*seen.lock().unwrap(), [0.1, 0.9]);
}

#[test]
fn buttons_become_commands() {
    let mut scene = scene();
    scene.controls = Controls { stop: false, ..Controls::ALL };
    let preview = Preview::open(&PreviewAddress::parse("preview://").unwrap(), scene, None).unwrap();
    let mut page = page(preview.url());
    assert_eq!(page.told("scene")["can_pose"], false);
    for button in [json!("pause"), json!("play"), json!({"loop": true}), json!({"loop": false}), json!("restart")] {
        page.say(json!({"type": "command", "command": button}));
    }
    let commands = preview.commands().iter().take(5);
    let expected = [Command::Pause, Command::Play, Command::Loop(true), Command::Loop(false), Command::Restart];
    assert_eq!(commands.collect::<Vec<_>>(), expected);
    page.say(json!({"type": "command", "command": "stop"}));
    assert_eq!(page.told("refused")["message"], "this run cannot do that");
    page.say(json!({"type": "pose", "id": 1, "name": "a", "values": {}}));
    assert_eq!(page.told("refused")["message"], "this renderer draws no single poses");
    // A run that does not listen makes nobody wait.
    for _ in 0..100 {
        page.say(json!({"type": "command", "command": "play"}));
    }
    assert_eq!(page.told("refused")["message"], "the run does not listen at the moment");
}

#[test]
fn messages_that_are_too_large_broken_or_too_many_end_the_connection() {
    let limits = Limits { messages_per_second: 5.0, silence: Duration::from_secs(3600), ..Limits::default() };
    let preview = open_with("preview://", limits);
    let closing = |message: Message| {
        let mut page = page(preview.url());
        page.socket.send(message).unwrap();
        page.closing().0
    };
    assert_eq!(closing(Message::text("{}")), POLICY);
    assert_eq!(closing(Message::text("not JSON")), POLICY);
    assert_eq!(closing(Message::text("[".repeat(10_000))), POLICY);
    assert_eq!(closing(Message::binary(vec![0; 10])), 1003);
    let large = format!(r#"{{"type":"pose","id":1,"name":"{}","values":{{}}}}"#, "x".repeat(20_000));
    let mut one = page(preview.url());
    one.socket.send(Message::text(large)).unwrap();
    // The rest of it is on its way while the server closes, so the words may be lost; the connection is.
    while one.socket.read().is_ok() {}
    let mut many = page(preview.url());
    for _ in 0..12 {
        // The last ones may find the connection closed.
        let _ = many.socket.send(Message::text(r#"{"type":"echo","at":1}"#));
    }
    assert_eq!(many.closing(), (POLICY, "too many messages".to_owned()));
    // Others are not concerned.
    assert_eq!(page(preview.url()).told("scene")["type"], "scene");
}

#[test]
fn pages_are_limited_and_give_their_place_back() {
    let preview = open_with("preview://", Limits { pages: 2, ..Limits::default() });
    let mut pages = [page(preview.url()), page(preview.url())];
    for page in &mut pages {
        page.told("scene");
    }
    assert_eq!(page(preview.url()).closing(), (AGAIN, "too many pages are open".to_owned()));
    drop(pages);
    wait_for("a place", || page(preview.url()).socket.read().is_ok_and(|message| message.is_text()));
}

#[test]
fn a_page_that_says_nothing_is_given_up() {
    let preview = open_with("preview://", Limits { silence: Duration::from_millis(300), ..Limits::default() });
    let (code, reason) = page(preview.url()).closing();
    assert_eq!((code, reason.as_str()), (AWAY, "the page says nothing"));
}

#[test]
fn sockets_of_other_sites_and_without_the_token_are_refused() {
    let status = |url: &str, headers: &[(&str, &str)]| match try_page(url, headers) {
        Ok(_) => 101,
        Err(error) => match *error {
            tungstenite::Error::Http(answer) => answer.status().as_u16(),
            other => panic!("{other}"),
        },
    };
    let preview = open("preview://");
    let url = preview.url();
    let own = format!("http://{}", authority(url));
    assert_eq!(status(url, &[("origin", &own)]), 101);
    for origin in ["http://evil.example", "https://127.0.0.1", "null"] {
        assert_eq!(status(url, &[("origin", origin)]), 403, "{origin}");
    }
    let guarded = open("preview://127.0.0.1?token=sixteen-letters_");
    let url = guarded.url();
    let port = authority(url).split(':').nth(1).unwrap();
    assert_eq!(status(url, &[]), 401);
    assert_eq!(status(url, &[("cookie", &format!("moue_{port}=sixteen-letters_"))]), 101);
}

#[test]
fn dropping_a_preview_closes_its_pages_at_once() {
    let preview = open("preview://");
    let mut page = page(preview.url());
    page.told("scene");
    // One that never takes its close frame, and one that has not finished its request.
    let _stuck = crate::support::page(preview.url());
    let _idle = crate::support::connect(preview.url());
    let began = Instant::now();
    drop(preview);
    let took = began.elapsed();
    assert_eq!(page.closing(), (AWAY, "the run has ended".to_owned()));
    // It has half a second of grace; the rest is room for a machine that is busy.
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn curves_of_flame_come_from_flame() {
    let mut scene = scene();
    scene.channels = Scene::flame();
    scene.renderer = "diffusion".to_owned();
    let preview = Preview::open(&PreviewAddress::parse("preview://").unwrap(), scene, None).unwrap();
    let mut page = page(preview.url());
    assert_eq!(page.told("scene")["channels"][52]["name"], "jaw_x");
    let mut flame = [0.0; 55];
    flame[52] = 0.25;
    let shown = moue_preview::Shown {
        number: 0,
        expression: expression(10),
        flame: moue_timeline::FlameExpression::from_array(flame),
        rendered_at: Instant::now(),
    };
    preview.show(&Arc::new(draw(&expression(10))), shown);
    assert_eq!(page.picture().values, flame);
}
