//! Previews of a toy face, and clients that look at them.

// Each test program uses some of it.
#![allow(dead_code)]

pub mod chromium;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use moue_preview::{Controls, Limits, PoseRenderer, Preview, PreviewAddress, Scene, Shown};
use moue_timeline::{Expression, FlameExpression, FrameRate, HeadAxis, Shape};
use serde_json::Value;
use tungstenite::{Message, WebSocket};

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(60);
const BAR: u32 = 6;
pub const WIDTH: u32 = 55 * BAR;
pub const HEIGHT: u32 = 200;

/// A face of 55 bars, each as high as its coefficient.
pub fn draw(expression: &Expression) -> RgbImage {
    let head = &expression.head;
    let mut values = expression.shapes.to_vec();
    values.extend([head.yaw, head.pitch, head.roll].map(|angle| 0.5 + angle / 2.0));
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let bar = (x / BAR) as usize;
        let is_filled = (HEIGHT - y) as f32 <= values[bar] * HEIGHT as f32;
        let color = if bar < Shape::COUNT { Rgb([200, 120, 90]) } else { Rgb([90, 140, 220]) };
        if is_filled { color } else { Rgb([245; 3]) }
    })
}

pub fn toy() -> PoseRenderer {
    Arc::new(|expression| Ok(draw(expression)))
}

pub fn scene() -> Scene {
    Scene {
        title: "A toy face".to_owned(),
        renderer: "mesh".to_owned(),
        size: (WIDTH, HEIGHT),
        rate: FrameRate::FPS_25,
        frames: Some(250),
        channels: Scene::arkit(),
        controls: Controls::ALL,
    }
}

pub fn open(address: &str) -> Preview {
    open_with(address, Limits::default())
}

pub fn open_with(address: &str, limits: Limits) -> Preview {
    Preview::open_with(&PreviewAddress::parse(address).unwrap(), scene(), Some(toy()), limits).unwrap()
}

/// What the toy face does in a frame of its film.
pub fn expression(number: u64) -> Expression {
    let mut expression = Expression::NEUTRAL;
    let wave = |speed: f64| ((number as f64 / 25.0 * speed).sin() * 0.5 + 0.5) as f32;
    for (shape, speed) in [
        (Shape::JawOpen, 3.1),
        (Shape::MouthSmileLeft, 1.3),
        (Shape::MouthSmileRight, 1.7),
        (Shape::BrowInnerUp, 0.8),
        (Shape::EyeBlinkLeft, 5.0),
    ] {
        expression.set(shape, wave(speed));
    }
    expression.head.yaw = wave(0.5) - 0.5;
    expression
}

pub fn show(preview: &Preview, number: u64) {
    let expression = expression(number);
    let shown = Shown { number, expression, flame: FlameExpression::NEUTRAL, rendered_at: Instant::now() };
    preview.show(&Arc::new(draw(&expression)), shown);
}

/// The value of a channel in degrees or without unit, as curves have it.
pub fn curve_value(expression: &Expression, axis: HeadAxis) -> f32 {
    match axis {
        HeadAxis::Yaw => expression.head.yaw,
        HeadAxis::Pitch => expression.head.pitch,
        HeadAxis::Roll => expression.head.roll,
    }
    .to_degrees()
}

/// Shows 25 frames per second until it is dropped.
pub struct Film {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Film {
    pub fn play(preview: &Arc<Preview>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (preview, over) = (Arc::clone(preview), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                show(&preview, number);
                std::thread::sleep(Duration::from_millis(40));
            }
        });
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Asks again and again until it is so.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what} takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Host and port of a URL.
pub fn authority(url: &str) -> &str {
    url.trim_start_matches("http://").split('/').next().unwrap()
}

pub fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(authority(url)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// An answer: status, headers in small letters, body.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

/// Sends a request as it is written, and reads all that comes back.
pub fn ask(url: &str, request: &str) -> Answer {
    let mut stream = connect(url);
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {request:?}: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok()).unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_lowercase(), value.to_owned())
    };
    Answer { status, headers: lines.map(header).collect(), body: body.to_owned() }
}

/// Gets a path with some headers more (whole lines).
pub fn get_with(url: &str, path: &str, headers: &str) -> Answer {
    let host = authority(url);
    ask(url, &format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n"))
}

pub fn get(url: &str, path: &str) -> Answer {
    get_with(url, path, "")
}

/// A page as a browser would open it, with some headers of its own.
pub fn try_page(url: &str, headers: &[(&str, &str)]) -> Result<Page, Box<tungstenite::Error>> {
    let mut request = tungstenite::http::Request::builder()
        .uri(format!("ws://{}/socket", authority(url)))
        .header("host", authority(url))
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", tungstenite::handshake::client::generate_key());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match tungstenite::client(request.body(()).unwrap(), connect(url)) {
        Ok((socket, _)) => Ok(Page { socket }),
        Err(tungstenite::HandshakeError::Failure(error)) => Err(Box::new(error)),
        Err(tungstenite::HandshakeError::Interrupted(_)) => panic!("the socket blocks"),
    }
}

pub fn page(url: &str) -> Page {
    try_page(url, &[]).unwrap()
}

pub struct Page {
    pub socket: WebSocket<TcpStream>,
}

/// A frame or a pose as a page gets it.
#[derive(Debug)]
pub struct Picture {
    pub is_pose: bool,
    pub sequence: u32,
    pub number: u64,
    pub values: Vec<f32>,
    /// Number and values of this frame and of those before it that were left out.
    pub rows: Vec<(u64, Vec<f32>)>,
    pub jpeg: Vec<u8>,
}

impl Page {
    pub fn say(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).unwrap();
    }

    pub fn shown(&mut self, sequence: u32) {
        self.say(serde_json::json!({"type": "shown", "sequence": sequence}));
    }

    /// The next message of that type, others are left out.
    pub fn told(&mut self, kind: &str) -> Value {
        loop {
            if let Message::Text(text) = self.socket.read().unwrap() {
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["type"] == kind {
                    return message;
                }
            }
        }
    }

    /// The next picture, or coefficients without one.
    pub fn picture(&mut self) -> Picture {
        loop {
            if let Message::Binary(bytes) = self.socket.read().unwrap() {
                let columns = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
                let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
                let row_bytes = 16 + 4 * columns;
                let end = 16 + u32_at(4) as usize * row_bytes;
                let row = |row: &[u8]| {
                    let number = f64::from_le_bytes(row[..8].try_into().unwrap()) as u64;
                    let values = row[16..].chunks(4).map(|value| f32::from_le_bytes(value.try_into().unwrap()));
                    (number, values.collect())
                };
                let rows: Vec<(u64, Vec<f32>)> = bytes[16..end].chunks(row_bytes).map(row).collect();
                let (number, values) = rows.last().cloned().unwrap_or_default();
                let jpeg = bytes[end..].to_vec();
                return Picture { is_pose: bytes[0] == 1, sequence: u32_at(8), number, values, rows, jpeg };
            }
        }
    }

    /// Reads until the server closes, and gives the code and its reason.
    pub fn closing(&mut self) -> (u16, String) {
        loop {
            match self.socket.read() {
                Ok(Message::Close(Some(frame))) => return (frame.code.into(), frame.reason.to_string()),
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// How much the bars of two toy faces differ where they differ most: a mean over one bar, in levels of 255.
pub fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let mut bars = [0u64; (WIDTH / BAR) as usize];
    for ((x, _, a), b) in a.enumerate_pixels().zip(b.pixels()) {
        bars[(x / BAR) as usize] += a.0.iter().zip(b.0).map(|(a, b)| u64::from(a.abs_diff(b))).sum::<u64>();
    }
    let largest = bars.into_iter().max().unwrap_or(0);
    largest as f64 / f64::from(3 * BAR * HEIGHT)
}

/// More than JPEG makes of a bar.
pub const SAME: f64 = 12.0;
/// Less than a bar changes by that changes by a third of its height.
pub const DIFFERENT: f64 = 20.0;
