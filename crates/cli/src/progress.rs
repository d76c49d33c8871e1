//! How far a run is: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use moue_animation::{AnimateJob, Observer, Portrait, Preparation, RendererKind};
use moue_film::FilmObserver;
use moue_media::{LegEvent, SoundUse};
use moue_timeline::{Shape, counted};

use crate::printer::{Printer, strong};

/// Redraws of the bar per second.
const REDRAWS_HZ: u8 = 10;
/// Time between two plain lines.
const BETWEEN_LINES: Duration = Duration::from_secs(2);
/// Time between two plain lines about one frame.
const BETWEEN_STEP_LINES: Duration = Duration::from_secs(10);
/// How many coefficients of the portrait's expression are shown.
const SHOWN_COEFFICIENTS: usize = 5;
/// Smaller coefficients are not worth a word.
const SHOWN_FROM: f32 = 0.1;

/// Tells how far a command is.
#[derive(Debug)]
pub struct Progress {
    printer: Printer,
    form: Form,
    phase: Mutex<Option<Phase>>,
    /// What becomes of the portrait's expression; nothing is said of it where it plays no part.
    rest: Option<&'static str>,
    /// Whether the face was chosen by the user.
    face_given: bool,
}

#[derive(Debug)]
enum Form {
    Silent,
    Lines,
    Bar(ProgressBar),
}

/// A part of the work that goes from frame to frame.
#[derive(Clone, Copy, Debug)]
struct Phase {
    began: Instant,
    /// How many frames there will be, where that is known.
    total: Option<u64>,
    last_line: Option<Instant>,
}

impl Progress {
    /// Of a command that renders nothing. A bar would tear through log lines, so with `-v` there are plain lines.
    pub fn new(printer: Printer, verbose: bool) -> Self {
        let form = match (printer.is_quiet(), printer.is_terminal() && !verbose) {
            (true, _) => Form::Silent,
            (false, false) => Form::Lines,
            (false, true) => Form::Bar(ProgressBar::hidden()),
        };
        Self { printer, form, phase: Mutex::new(None), rest: None, face_given: false }
    }

    /// Of a run.
    pub fn of(printer: Printer, verbose: bool, job: &AnimateJob) -> Self {
        let rest = match (job.renderer, job.relative) {
            (RendererKind::Mesh, true) => Some("the motion is added to it"),
            (RendererKind::Mesh, false) => Some("undone before the motion"),
            (RendererKind::Diffusion | RendererKind::Mixed, _) => None,
        };
        Self { rest, face_given: job.face.is_some(), ..Self::new(printer, verbose) }
    }

    /// Takes the bar away; what is said from here on stands where it was.
    pub fn end(&self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }

    /// A line of talk, above the bar.
    fn say(&self, text: &str) {
        match &self.form {
            Form::Bar(bar) => bar.suspend(|| self.printer.say(text)),
            _ => self.printer.say(text),
        }
    }

    fn note_line(&self, text: &str) {
        match &self.form {
            Form::Bar(bar) => bar.suspend(|| self.printer.note(text)),
            _ => self.printer.note(text),
        }
    }

    fn begin(&self, what: &str, total: Option<u64>) {
        *self.lock() = Some(Phase { began: Instant::now(), total, last_line: None });
        match &self.form {
            Form::Silent => {}
            Form::Lines => match total {
                Some(total) => self.say(&format!("{what} {}", counted(total, "frame"))),
                None => self.say(what),
            },
            Form::Bar(bar) => {
                match total {
                    Some(total) => bar.set_length(total),
                    None => bar.unset_length(),
                }
                bar.set_style(style(total.is_some()));
                bar.set_message(what.to_owned());
                bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS_HZ));
                bar.reset();
            }
        }
    }

    fn at(&self, done: u64) {
        if self.lock().is_none() {
            return;
        }
        match &self.form {
            Form::Silent => {}
            Form::Lines => self.line(done),
            Form::Bar(bar) => bar.set_position(done),
        }
    }

    fn line(&self, done: u64) {
        let mut phase = self.lock();
        let Some(Phase { began, total, last_line }) = phase.as_mut() else { return };
        if Some(done) != *total && last_line.unwrap_or(*began).elapsed() < BETWEEN_LINES {
            return;
        }
        *last_line = Some(Instant::now());
        let fps = done as f64 / began.elapsed().as_secs_f64().max(1e-9);
        self.say(&match *total {
            Some(total) => {
                let left = total.saturating_sub(done) as f64 / fps.max(1e-9);
                let percent = done * 100 / total.max(1);
                format!("{done}/{}, {percent} %, {}, {} left", counted(total, "frame"), speed(fps), clock(left))
            }
            None => format!("{}, {}", counted(done, "frame"), speed(fps)),
        });
    }

    fn lock(&self) -> MutexGuard<'_, Option<Phase>> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn note(&self, text: &str) {
        self.note_line(text);
    }

    fn portrait(&self, portrait: &Portrait) {
        let name = portrait.path.display();
        portrait.notes.iter().for_each(|note| self.note_line(&format!("{name}: {note}")));
        if portrait.faces.len() > 1 && !self.face_given {
            self.note_line(&format!(
                "{name}: {} faces found, the largest is animated; --face N takes another \
                 (`moue inspect {name} --annotate seen.png` shows their numbers)",
                portrait.faces.len()
            ));
        }
        let Some(how) = self.rest else { return };
        let shown = largest(&portrait.measured().shapes);
        let text = match shown.is_empty() {
            true => "neutral".to_owned(),
            false => format!("{} ({how})", shown.join(", ")),
        };
        self.say(&format!("{} {text}", strong("the portrait's expression:")));
    }

    fn preparing(&self, what: Preparation) {
        self.say(match what {
            Preparation::Prompt => "loading the text model",
            Preparation::Decoder => "loading the VAE",
            Preparation::Network => "loading the denoising network",
            Preparation::Reference => "looking at the portrait",
        });
    }

    fn step(&self, first: u64, frames: usize, done: usize, of: usize) {
        let name = match frames {
            1 => format!("frame {first}"),
            _ => format!("frames {first} to {}", first + frames as u64 - 1),
        };
        match &self.form {
            Form::Silent => {}
            Form::Bar(bar) => bar.set_message(format!("{name}, step {done} of {of}")),
            Form::Lines => {
                let mut phase = self.lock();
                let Some(Phase { began, last_line, .. }) = phase.as_mut() else { return };
                // Only where a frame takes long: else the lines about frames say enough.
                if done < of && last_line.unwrap_or(*began).elapsed() >= BETWEEN_STEP_LINES {
                    *last_line = Some(Instant::now());
                    self.say(&format!("{name}, step {done} of {of}"));
                }
            }
        }
    }

    fn tracking(&self, source: &str, frames: Option<u64>) {
        self.begin(&format!("tracking {source}:"), frames);
    }

    fn tracked(&self, frames: u64) {
        self.at(frames);
    }

    fn started(&self, frames: u64) {
        self.begin("rendering", Some(frames));
    }

    fn following(&self, source: &str, frames: Option<u64>) {
        self.begin(&format!("following {source}: Ctrl-C ends"), frames);
    }

    fn rendered(&self, frames: u64) {
        self.at(frames);
    }

    fn sound(&self, output: &str, sound: &SoundUse) {
        self.say(&format!("{output}: {sound}"));
    }

    fn on_air(&self, files: usize) {
        // What is played once more is no progress, and there is no end to measure it by.
        *self.lock() = None;
        self.end();
        match files {
            0 => self.say("on air until Ctrl-C"),
            1 => self.say("the file is finished; on air until Ctrl-C"),
            _ => self.say("the files are finished; on air until Ctrl-C"),
        }
    }

    fn serving(&self, what: &str, url: &str) {
        let text = format!("{} {url}", strong(format!("{what}:")));
        // Nobody gets to a page whose token is not told.
        if url.contains("token=") && self.printer.is_quiet() {
            self.printer.complain(&text);
        } else {
            self.say(&text);
        }
    }

    fn leg(&self, output: &str, event: &LegEvent) {
        match event {
            // It says nothing that the first frame does not.
            LegEvent::Connecting | LegEvent::Ended => tracing::info!(output, %event, "stream"),
            LegEvent::Live | LegEvent::Resumed { .. } => self.say(&format!("{} {event}", strong(format!("{output}:")))),
            LegEvent::Lost { .. } => self.note_line(&format!("{output}: {event}")),
        }
    }

    fn failed(&self, problem: &str) {
        let error = anyhow::Error::msg(problem.to_owned());
        match &self.form {
            Form::Bar(bar) => bar.suspend(|| self.printer.error(&error)),
            _ => self.printer.error(&error),
        }
    }

    fn finishing(&self) {
        if let Form::Bar(bar) = &self.form {
            bar.set_message("finishing the files");
        }
    }
}

impl FilmObserver for Progress {
    fn planned(&self, frames: u64, missing: u64) {
        if 0 < missing && missing < frames {
            self.say(&format!("{missing} of {frames} frames are new or changed"));
        }
    }

    fn gathering(&self, frames: u64) {
        self.begin("reading the pieces of", Some(frames));
    }

    fn joined(&self, output: &str, frames: u64) {
        if let Form::Bar(bar) = &self.form
            && frames.is_multiple_of(64)
        {
            bar.set_message(format!("joining {output}, frame {frames}"));
        }
    }
}

fn style(total_is_known: bool) -> ProgressStyle {
    let style = ProgressStyle::with_template(match total_is_known {
        true => "{bar:30.cyan/dim} {pos}/{len} frames  {speed}  {eta} left  {msg:.dim}",
        false => "{spinner:.cyan} {pos} frames  {speed}  {msg:.dim}",
    });
    let speed_of = |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = write!(out, "{}", speed(state.per_sec()));
    };
    // The templates are constants; if one were wrong, the plain bar would do.
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─").with_key("speed", speed_of)
}

/// `104 frames/s`, or `3.1 s/frame` where frames are slower than seconds.
pub fn speed(fps: f64) -> String {
    match fps {
        fps if fps >= 10.0 => format!("{fps:.0} frames/s"),
        fps if fps >= 1.0 => format!("{fps:.1} frames/s"),
        fps if fps > 1e-6 => format!("{:.1} s/frame", 1.0 / fps),
        _ => "- frames/s".to_owned(),
    }
}

/// `42 s`, `3:20` or `1:02:05`.
pub fn clock(seconds: f64) -> String {
    let whole = seconds.round().clamp(0.0, 1e9) as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// The largest coefficients, as text; left and right in one word where they are about equal.
pub fn largest(shapes: &[f32; Shape::COUNT]) -> Vec<String> {
    let mut found: Vec<(f32, String)> = Vec::new();
    for shape in Shape::ALL {
        let (value, mirrored) = (shapes[shape.index()], shapes[shape.mirrored().index()]);
        let alike = shape != shape.mirrored() && (value - mirrored).abs() < 0.1;
        if value < SHOWN_FROM || (alike && shape > shape.mirrored()) {
            continue;
        }
        match shape.name().strip_suffix("Left").or(shape.name().strip_suffix("Right")).filter(|_| alike) {
            Some(stem) => found.push(((value + mirrored) / 2.0, stem.to_owned())),
            None => found.push((value, shape.name().to_owned())),
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().take(SHOWN_COEFFICIENTS).map(|(value, name)| format!("{name} {value:.2}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_and_times_are_readable_at_any_scale() {
        assert_eq!(
            [speed(103.6), speed(2.345), speed(0.25), speed(0.0)],
            ["104 frames/s", "2.3 frames/s", "4.0 s/frame", "- frames/s"]
        );
        assert_eq!(
            [clock(0.4), clock(59.6), clock(200.0), clock(3725.0), clock(f64::INFINITY)],
            ["0 s", "1:00", "3:20", "1:02:05", "277777:46:40"]
        );
    }

    #[test]
    fn what_is_on_air_makes_no_progress() {
        let bar = ProgressBar::hidden();
        let progress = Progress { form: Form::Bar(bar.clone()), ..Progress::new(Printer::new(true), false) };
        progress.started(10);
        progress.rendered(10);
        assert_eq!((bar.position(), bar.is_finished()), (10, false));
        progress.on_air(1);
        // A film counts all passes together.
        progress.rendered(20);
        assert_eq!((bar.position(), bar.is_finished()), (10, true));
        assert!(progress.lock().is_none(), "no line either");
    }

    #[test]
    fn sides_that_agree_are_one_word() {
        let mut shapes = [0.0; Shape::COUNT];
        shapes[Shape::MouthSmileLeft.index()] = 0.9;
        shapes[Shape::MouthSmileRight.index()] = 0.88;
        shapes[Shape::BrowDownRight.index()] = 0.3;
        shapes[Shape::JawOpen.index()] = 0.95;
        shapes[Shape::CheekPuff.index()] = 0.05;
        assert_eq!(largest(&shapes), ["jawOpen 0.95", "mouthSmile 0.89", "browDownRight 0.30"]);
    }
}
