//! Frames of the iFacialMocap and Facemotion3d apps, as they send them to other programs.
//!
//! `mouthSmile_R-0|eyeBlink_L-7|…|=head#-21.5,-6.0,-6.6,-0.03,-0.1,-0.7|rightEye#…|leftEye#…|`, one frame a line, or
//! with `___iFacialMocap` between the frames as the app sends them over TCP. Facemotion3d writes `&` for `-`, and
//! `Left` and `Right` for `_L` and `_R`. Values are percent. A frame with `trackingStatus-0` has no face. There are no
//! times: the apps send 60 frames per second unless told otherwise.
//!
//! # Angles
//! `head` is a rotation about x, y and z in degrees, then a position, which is not used. The apps write the eyes as
//! they write the head, and the eyes' angles stand beside the shapes that repeat them: in the makers' examples x rises
//! with `eyeLookDown`, y with a gaze to the face's own left, and z equals x times y (0.105 * 0.043 rad is 0.26 degrees,
//! as written). So positive x looks down, positive y turns to the own left, y is outermost, and positive z tilts
//! towards the own right shoulder.
//!
//! Source: the makers' pages for developers, ifacialmocap.com/for-developer and facemotion3d.net.

use std::io::{BufRead, Read};

use moue_timeline::{Channel, HeadAxis, Shape, Track, nearest_name};

use crate::error::quoted;
use crate::header::{COMPARED, counted};
use crate::{Format, LoadedTrack, Place, ReadOptions, TrackError, notes};

/// What stands between frames that were sent over TCP.
const MARKER: &str = "___iFacialMocap";
/// No value needs more; this also bounds the memory for a file that has no `|`.
const MAX_TOKEN_BYTES: u64 = 4096;
/// What a frame says besides shapes.
const TRACKING: &str = "trackingStatus";
const OTHERS: [&str; 1] = ["hapihapi"];

/// `name-value`, `name&value` or `=name#x,y,z,…`.
enum Token<'a> {
    Value(&'a str, f64),
    Angles(&'a str, [f64; 3]),
}

impl<'a> Token<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim().trim_start_matches('=');
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|end| *end > 0)?;
        let (name, rest) = text.split_at(end);
        let separator = rest.chars().next()?;
        let value = &rest[separator.len_utf8()..];
        match separator {
            '-' | '&' => {
                value.trim().parse().ok().filter(|value: &f64| value.is_finite()).map(|v| Self::Value(name, v))
            }
            '#' => {
                let mut angles = [0.0; 3];
                let mut numbers = value.split(',').map(|number| number.trim().parse::<f64>());
                for angle in &mut angles {
                    *angle = numbers.next()?.ok().filter(|angle| (*angle as f32).is_finite())?;
                }
                numbers.all(|number| number.is_ok()).then_some(Self::Angles(name, angles))
            }
            _ => None,
        }
    }
}

fn shape(name: &str) -> Option<Shape> {
    Shape::from_name(name).or_else(|| {
        let (stem, side) = match (name.strip_suffix("_L"), name.strip_suffix("_R")) {
            (Some(stem), _) => (stem, "Left"),
            (None, Some(stem)) => (stem, "Right"),
            (None, None) => return None,
        };
        Shape::from_name(&format!("{stem}{side}"))
    })
}

/// Whether a text that starts with `start` is such a file: it begins with tokens, and one of the first is a shape.
pub(crate) fn looks_like(start: &[u8]) -> bool {
    // A few tokens are enough, and the window may end within a character.
    let start = String::from_utf8_lossy(&start[..start.len().min(1024)]).replace(MARKER, "|");
    let tokens = start.split(['|', '\n']).map_while(Token::parse).take(8);
    tokens.into_iter().any(|token| matches!(token, Token::Value(name, _) if shape(name).is_some()))
}

/// What is used of one frame.
struct Frame {
    /// By [`Shape::index`]; NaN where there is none.
    shapes: [f32; Shape::COUNT],
    /// Degrees about x, y and z.
    head: Option<[f64; 3]>,
    tracked: bool,
    /// Where it begins.
    place: Place,
}

impl Frame {
    fn new(place: Place) -> Self {
        Self { shapes: [f32::NAN; Shape::COUNT], head: None, tracked: true, place }
    }

    fn has(&self, shape: Shape) -> bool {
        !self.shapes[shape.index()].is_nan()
    }
}

pub(crate) fn read(file: &str, input: impl BufRead, options: ReadOptions) -> Result<LoadedTrack, TrackError> {
    let mut reader = Reader {
        file,
        frame: None,
        line: 1,
        frames: 0,
        marked: false,
        unknown: Vec::new(),
        unknown_count: 0,
        take: None,
    };
    reader.read(input)?;
    let Reader { frames, unknown, unknown_count, take, .. } = reader;
    let Some(take) = take else {
        let (found, hint) = match frames {
            0 => ("no frame", "record or export the track again"),
            _ => ("no frame with a face", "the app saw no face: record the take again"),
        };
        return Err(TrackError::whole_file(file, found, "frames of iFacialMocap", hint));
    };
    let mut notes = Vec::new();
    if !unknown.is_empty() {
        let names = counted(unknown.iter().map(String::as_str), unknown_count);
        let near = unknown.iter().find_map(|name| {
            Some(format!(" ({} may be {})", quoted(name), nearest_name(name, Shape::ALL.map(Shape::name))?))
        });
        notes.push(format!("ignored {} unknown values: {names}{}", unknown_count, near.unwrap_or_default()));
    }
    take.build(file, frames, options, notes)
}

/// What the frames with a face have given so far.
struct Take {
    shapes: Vec<Shape>,
    /// Row-major, in the order of `shapes`, from 0 to 1.
    values: Vec<f32>,
    /// Degrees about x, y and z, of the frames that have them.
    head: Vec<[f64; 3]>,
    /// Indices of the frames, from 0.
    rows: Vec<u64>,
}

struct Reader<'a> {
    file: &'a str,
    frame: Option<Frame>,
    /// From 1.
    line: u64,
    frames: u64,
    /// Whether [`MARKER`] ends the frames.
    marked: bool,
    /// The first of them.
    unknown: Vec<String>,
    unknown_count: usize,
    take: Option<Take>,
}

impl Reader<'_> {
    fn read(&mut self, mut input: impl BufRead) -> Result<(), TrackError> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let mut limited = (&mut input).take(MAX_TOKEN_BYTES);
            let read = limited.read_until(b'|', &mut bytes).map_err(|error| TrackError::io(self.file, error))?;
            if read == 0 {
                return self.end_frame();
            }
            if read as u64 == MAX_TOKEN_BYTES {
                return Err(self.error("4096 bytes without '|'".to_owned(), "values are separated by '|'"));
            }
            let ends = bytes.last() == Some(&b'|');
            let text = std::str::from_utf8(&bytes[..bytes.len() - usize::from(ends)]);
            let Ok(text) = text else {
                let text = String::from_utf8_lossy(&bytes);
                return Err(self.error(quoted(text.trim()), "save the text as UTF-8"));
            };
            for (index, line) in text.split('\n').enumerate() {
                if index > 0 {
                    self.end_frame()?;
                    self.line += 1;
                }
                for (index, part) in line.split(MARKER).enumerate() {
                    if index > 0 {
                        self.marked = true;
                        self.end_frame()?;
                    }
                    if !part.trim().is_empty() {
                        self.token(part)?;
                    }
                }
            }
        }
    }

    fn place(&self) -> Place {
        if self.marked { Place::Frame(self.frames as usize) } else { Place::Line(self.line) }
    }

    fn error(&self, found: String, hint: &str) -> TrackError {
        TrackError::new(self.file, self.place(), found, "name-value or name&value, from 0 to 100", hint)
    }

    fn token(&mut self, text: &str) -> Result<(), TrackError> {
        let Some(token) = Token::parse(text) else {
            let hint =
                "a frame is for example jawOpen-12|eyeBlink_L-7|; where the file is cut short, delete its last line";
            return Err(self.error(quoted(text.trim()), hint));
        };
        let place = self.place();
        let frame = self.frame.get_or_insert_with(|| Frame::new(place));
        match token {
            Token::Angles("head", angles) => frame.head = Some(angles),
            Token::Angles(..) => {}
            Token::Value(name, value) if name == TRACKING => frame.tracked = value != 0.0,
            Token::Value(name, value) => match shape(name) {
                Some(shape) if frame.has(shape) => {
                    let hint = "each shape once in a frame; frames are separated by line ends";
                    return Err(self.error(format!("{} a second time", quoted(name)), hint));
                }
                Some(shape) => {
                    let share = (value / 100.0) as f32;
                    if !share.is_finite() {
                        return Err(self.error(quoted(text.trim()), "values lie between 0 and 100"));
                    }
                    frame.shapes[shape.index()] = share;
                }
                // The first frame tells them all.
                None if self.frames == 0 && !OTHERS.contains(&name) => {
                    self.unknown_count += 1;
                    if self.unknown.len() < COMPARED {
                        self.unknown.push(name.to_owned());
                    }
                }
                None => {}
            },
        }
        Ok(())
    }

    fn end_frame(&mut self) -> Result<(), TrackError> {
        let Some(frame) = self.frame.take() else { return Ok(()) };
        let index = self.frames;
        self.frames += 1;
        if !frame.tracked {
            return Ok(());
        }
        let take = self.take.get_or_insert_with(|| Take {
            shapes: Shape::ALL.into_iter().filter(|shape| frame.has(*shape)).collect(),
            values: Vec::new(),
            head: Vec::new(),
            rows: Vec::new(),
        });
        let before = |shape: &Shape| take.shapes.contains(shape);
        if let Some(shape) = Shape::ALL.into_iter().find(|shape| frame.has(*shape) != before(shape)) {
            let found = match before(&shape) {
                true => format!("no value of '{}'", shape.name()),
                false => format!("a value of '{}'", shape.name()),
            };
            let hint = "every frame has the same shapes: complete or delete this one (missing frames are bridged)";
            return Err(TrackError::new(self.file, frame.place, found, "the shapes of the frames before", hint));
        }
        take.values.extend(take.shapes.iter().map(|shape| frame.shapes[shape.index()]));
        take.head.extend(frame.head);
        take.rows.push(index);
        Ok(())
    }
}

impl Take {
    fn build(
        self,
        file: &str,
        frames: u64,
        options: ReadOptions,
        mut notes: Vec<String>,
    ) -> Result<LoadedTrack, TrackError> {
        let rate = options.rate.unwrap_or_else(|| {
            notes.push("frames have no times: taken as 60 per second, as the app sends them".to_owned());
            crate::fps_60()
        });
        let lost = frames - self.rows.len() as u64;
        if lost > 0 {
            notes.push(format!("{lost} of {frames} frames have no face"));
        }
        let largest = self.values.iter().copied().fold(0.0, f32::max);
        if largest <= 0.01 && self.values.iter().any(|value| (value * 100.0).fract() != 0.0) {
            notes.push(format!("values are percent in this format, and these reach only {}", largest * 100.0));
        }
        let has_head = self.head.len() == self.rows.len();
        if !has_head && !self.head.is_empty() {
            notes.push("only some frames have the head's rotation: the head stays still".to_owned());
        }
        let mut channels: Vec<Channel> = self.shapes.iter().copied().map(Channel::Shape).collect();
        if has_head {
            channels.extend(HeadAxis::ALL.map(Channel::Head));
        }
        let width = self.shapes.len();
        let mut values = Vec::with_capacity(self.rows.len() * channels.len());
        for row in 0..self.rows.len() {
            values.extend(&self.values[row * width..][..width]);
            if has_head {
                let [x, y, z] = self.head[row].map(f64::to_radians);
                values.extend([y as f32, -x as f32, -z as f32]);
            }
        }
        let first = self.rows.first().copied().unwrap_or_default();
        let times: Vec<f64> = self.rows.iter().map(|row| rate.seconds_at(row - first)).collect();
        notes::timing(&times, &mut notes);
        let track = Track::new(channels, times, values).map_err(|error| {
            TrackError::whole_file(file, error.to_string(), "frames that form a track", "check the names and values")
        })?;
        Ok(LoadedTrack { track, format: Format::IFacialMocap, notes })
    }
}
