//! What is written on a board, whatever its form.

use std::collections::HashMap;
use std::path::Path;

use moue_storyboard::{OutputSize, Shot, Storyboard, Transition, TransitionKind};
use moue_timeline::FrameRate;

/// What is written on a board.
pub(crate) struct Words<'a> {
    pub title: Option<&'a str>,
    /// The film: how long, how many shots, how it is drawn.
    pub facts: Vec<String>,
    /// Who is seen, in the order of their first shots; shots and panels have the index.
    pub cast: Vec<String>,
    /// When the film ends.
    pub end: String,
    /// At least one.
    pub shots: Vec<ShotWords<'a>>,
    /// In the order of the shots, at least one for each.
    pub panels: Vec<PanelWords<'a>>,
}

/// What is written above a shot's panels.
pub(crate) struct ShotWords<'a> {
    /// From 1.
    pub number: usize,
    /// None where it is the number.
    pub name: Option<&'a str>,
    pub who: usize,
    /// When it begins in the film, how long it is, how the film comes to it, where its face, its sound and its movements
    /// come from.
    pub facts: Vec<String>,
    /// Its panels in [`Words::panels`].
    pub panels: std::ops::Range<usize>,
    /// Where in the film it begins and how much of it it has, 0 to 1.
    pub span: [f64; 2],
}

/// What is written below a picture.
pub(crate) struct PanelWords<'a> {
    pub who: usize,
    /// The shot's number, and where there are several panels, the panel's.
    pub number: String,
    /// When it is seen in its shot.
    pub moment: String,
    /// Where in the film it is, 0 to 1.
    pub position: f64,
    pub caption: Option<&'a str>,
    /// With quotation marks.
    pub dialogue: Option<String>,
    /// What the face does, as it is written.
    pub expression: Option<&'a str>,
}

impl ShotWords<'_> {
    /// `Shot 3`, `Shot 3 · silence`.
    pub fn heading(&self) -> String {
        match self.name {
            Some(name) => format!("Shot {} · {name}", self.number),
            None => format!("Shot {}", self.number),
        }
    }

    /// The name or the number.
    pub fn short(&self) -> String {
        self.name.map_or_else(|| self.number.to_string(), str::to_owned)
    }
}

impl<'a> Words<'a> {
    pub fn new(storyboard: &'a Storyboard) -> Self {
        let rate = storyboard.output.rate;
        let frames = storyboard.frame_count();
        let share = |frame: u64| frame as f64 / frames.max(1) as f64;
        let mut cast = Cast { storyboard, seen: HashMap::new(), names: Vec::new() };
        let mut shots: Vec<ShotWords> = Vec::with_capacity(storyboard.shots.len());
        // As it is written: not rounded to frames.
        let mut start = 0.0;
        for (index, shot) in storyboard.shots.iter().enumerate() {
            let number = index + 1;
            let name = Some(shot.name.as_str()).filter(|name| *name != number.to_string());
            let who = cast.index(shot.character);
            let span = [share(shot.start), share(shot.frames)];
            let facts = shot_facts(storyboard, index, shot, start / rate.fps());
            start += shot.length;
            shots.push(ShotWords { number, name, who, facts, panels: 0..0, span });
        }
        let panels = storyboard.panels();
        for (index, panel) in panels.iter().enumerate() {
            let range = &mut shots[panel.shot].panels;
            *range = if range.start == range.end { index..index + 1 } else { range.start..index + 1 };
        }
        let panels: Vec<PanelWords> = panels
            .into_iter()
            .map(|panel| {
                let shot = &shots[panel.shot];
                let alone = shot.panels.len() == 1;
                PanelWords {
                    who: shot.who,
                    number: if alone { shot.number.to_string() } else { format!("{}.{}", shot.number, panel.number) },
                    moment: format!("at {}", moment(rate, panel.frame)),
                    position: share(storyboard.shots[panel.shot].start + panel.frame),
                    caption: panel.caption.map(str::trim).filter(|text| !text.is_empty()),
                    dialogue: panel.dialogue.map(str::trim).filter(|text| !text.is_empty()).map(quoted),
                    expression: panel.expression.map(str::trim).filter(|text| !text.is_empty()),
                }
            })
            .collect();
        Self {
            title: storyboard.title.as_deref().map(str::trim).filter(|title| !title.is_empty()),
            facts: film_facts(storyboard, start / rate.fps(), panels.len()),
            cast: cast.names,
            end: clock(start / rate.fps()),
            shots,
            panels,
        }
    }

    /// The title, or a word in its place.
    pub fn heading(&self) -> &str {
        self.title.unwrap_or("Storyboard")
    }
}

/// Who was seen so far.
struct Cast<'a> {
    storyboard: &'a Storyboard,
    seen: HashMap<usize, usize>,
    names: Vec<String>,
}

impl Cast<'_> {
    fn index(&mut self, character: usize) -> usize {
        *self.seen.entry(character).or_insert_with(|| {
            let name = self.storyboard.cast.get(character).map_or("", |character| character.name.as_str());
            self.names.push(name.replace('_', " ").to_uppercase());
            self.names.len() - 1
        })
    }
}

fn film_facts(storyboard: &Storyboard, length: f64, panels: usize) -> Vec<String> {
    let output = &storyboard.output;
    let mut facts = vec![
        seconds(length),
        counted(storyboard.shots.len(), "shot"),
        counted(panels, "panel"),
        format!("{} frames per second", decimal((output.rate.fps() * 1000.0).round() as u64, 3)),
    ];
    if let OutputSize::Pixels { width, height } = output.size {
        facts.push(format!("{width}\u{a0}×\u{a0}{height} pixels"));
    }
    facts.push(format!("{} renderer", output.renderer.name()));
    facts
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn shot_facts(storyboard: &Storyboard, index: usize, shot: &Shot, start: f64) -> Vec<String> {
    let rate = storyboard.output.rate;
    let from = format!("from {}", clock(start));
    let mut facts = vec![from, seconds(shot.length / rate.fps())];
    let fades_in = index == 0 && shot.transition.kind == TransitionKind::Fade;
    facts.extend(transition(shot.transition, if fades_in { "fade in" } else { shot.transition.kind.name() }, rate));
    if index + 1 == storyboard.shots.len() {
        facts.extend(transition(storyboard.end, "fade out", rate));
    }
    facts.extend(origins(storyboard, shot));
    facts
}

fn transition(transition: Transition, name: &str, rate: FrameRate) -> Option<String> {
    let cut = transition.kind == TransitionKind::Cut || transition.frames == 0;
    (!cut).then(|| format!("{name} {}", moment(rate, transition.frames)))
}

/// Where its face, its sound and its movements come from.
fn origins(storyboard: &Storyboard, shot: &Shot) -> Vec<String> {
    let rate = storyboard.output.rate;
    let carry = shot.carry_from.and_then(|from| storyboard.shots.get(from));
    let mut origins: Vec<String> = carry.iter().map(|from| format!("goes on from shot {}", from.name)).collect();
    if let Some(sound) = &shot.sound {
        let begins = if sound.at > 0.0 { format!(" from {}", seconds(sound.at)) } else { String::new() };
        origins.push(format!("sound {}{begins}", file_name(&sound.path)));
    }
    for motion in &shot.motions {
        let begins = if motion.at > 0 { format!(" from {}", moment(rate, motion.at)) } else { String::new() };
        let ends = if motion.end < shot.frames { format!(" to {}", moment(rate, motion.end)) } else { String::new() };
        origins.push(format!("moved by {}{begins}{ends}", file_name(&motion.path)));
    }
    origins
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// In English quotation marks, unless the writer chose some.
fn quoted(text: &str) -> String {
    const MARKS: [char; 14] = ['"', '“', '”', '„', '‟', '«', '»', '‹', '›', '「', '『', '‘', '‚', '—'];
    if text.starts_with(MARKS) { text.to_owned() } else { format!("“{text}”") }
}

/// The shortest time whose nearest frame this is: what was written, mostly.
fn moment(rate: FrameRate, frame: u64) -> String {
    let exact = rate.seconds_at(frame);
    let rounded = [1.0, 10.0].into_iter().map(|unit| (exact * unit).round() / unit);
    // A millionth of a frame is a rounding.
    let near = |time: &f64| (time * rate.fps() + 1e-6).round() == frame as f64;
    seconds(rounded.into_iter().find(near).unwrap_or(exact))
}

/// `0.48 s`, `12 s`, `1 min 12.5 s`, `1 h 2 min`: to a hundredth.
fn seconds(seconds: f64) -> String {
    let hundredths = (seconds * 100.0).round() as u64;
    let (hours, minutes, hundredths) = (hundredths / 360_000, hundredths / 6_000 % 60, hundredths % 6_000);
    let mut parts = Vec::new();
    if hours > 0 {
        parts.push(format!("{hours} h"));
    }
    if minutes > 0 {
        parts.push(format!("{minutes} min"));
    }
    if hundredths > 0 || parts.is_empty() {
        parts.push(format!("{} s", decimal(hundredths, 2)));
    }
    parts.join(" ")
}

/// `01:02.50`, as times are written in storyboards; with hours after the first.
fn clock(seconds: f64) -> String {
    let hundredths = (seconds * 100.0).round() as u64;
    let (hours, minutes) = (hundredths / 360_000, hundredths / 6_000 % 60);
    let rest = format!("{minutes:02}:{:02}.{:02}", hundredths / 100 % 60, hundredths % 100);
    if hours > 0 { format!("{hours:02}:{rest}") } else { rest }
}

/// `value` / 10^`decimals`, without needless zeros.
fn decimal(value: u64, decimals: u32) -> String {
    let (unit, width) = (10u64.pow(decimals), decimals as usize);
    let text = format!("{}.{:0width$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_for_people() {
        for (value, text) in [
            (0.0, "0 s"),
            (0.999, "1 s"),
            (4.484, "4.48 s"),
            (59.999, "1 min"),
            (72.5, "1 min 12.5 s"),
            (3720.0, "1 h 2 min"),
            (7200.04, "2 h 0.04 s"),
        ] {
            assert_eq!(seconds(value), text);
        }
        assert_eq!([0.0, 62.5, 3599.999, 3661.0].map(clock), ["00:00.00", "01:02.50", "01:00:00.00", "01:01:01.00"]);
        assert_eq!(
            [(25_000, 3), (29_970, 3), (100, 2)].map(|(value, digits)| decimal(value, digits)),
            ["25", "29.97", "1"]
        );
    }

    #[test]
    fn moments_are_as_short_as_their_frames_allow() {
        let at = |fps: &str, frame| moment(fps.parse().unwrap(), frame);
        // 0.9 s is between frames 22 and 23.
        assert_eq!([0, 22, 23, 24, 25].map(|frame| at("25", frame)), ["0 s", "0.88 s", "0.9 s", "0.96 s", "1 s"]);
        assert_eq!([9, 10, 150].map(|frame| at("29.97", frame)), ["0.3 s", "0.33 s", "5 s"]);
    }

    #[test]
    fn the_writers_own_quotation_marks_stay() {
        assert_eq!(["Oh!", "„Ach!“", "「ああ」"].map(quoted), ["“Oh!”", "„Ach!“", "「ああ」"]);
    }
}
