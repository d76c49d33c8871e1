//! `moue storyboard`

mod starter;
mod watch;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use image::RgbImage;
use moue_animation::{AnimationError, GST, Target, read_map};
use moue_board::Board;
use moue_engine::CancelToken;
use moue_film::{
    Cut, DRAFT_RATE, DiskFiles, Drawing, FilmError, FilmJob, FilmSummary, Props, check_outputs, draft, film, inputs_of,
    panels, shot_named, shot_track,
};
use moue_media::{save_bytes, save_png};
use moue_storyboard::{Storyboard, library_schema, storyboard_schema};
use moue_timeline::counted;
use serde::Serialize;

use super::animate::{keyframing, painting, size, statistics, streamed, wrote};
use super::outputs::Outputs;
use super::{Outcome, Stop, motion};
use crate::{
    args::{Global, StoryboardArgs, StoryboardCommand},
    exit, interrupt,
    printer::{Printer, strong},
    progress::Progress,
};

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    storyboard: String,
    title: Option<String>,
    shots: usize,
    /// Nothing where only the board was made.
    film: Option<FilmSummary>,
    boards: Vec<BoardSummary>,
}

#[derive(Serialize)]
struct BoardSummary {
    path: String,
    panels: usize,
    bytes: u64,
}

pub fn storyboard(args: &StoryboardArgs, global: &Global, printer: Printer) -> Outcome {
    match &args.command {
        Some(StoryboardCommand::Check { files }) => check(files, printer),
        Some(StoryboardCommand::New { file, portrait }) => starter::new(file, portrait, printer),
        Some(StoryboardCommand::Schema { library }) => {
            let schema = if *library { library_schema() } else { storyboard_schema() };
            printer.data(&serde_json::to_string_pretty(&schema).unwrap_or_default());
            Ok(exit::DONE)
        }
        None => make(args, global, printer),
    }
}

fn check(files: &[PathBuf], printer: Printer) -> Outcome {
    let mut code = exit::DONE;
    for file in files {
        match read(file, false, printer) {
            Some(storyboard) => {
                let (shots, seconds) =
                    (storyboard.shots.len(), storyboard.output.rate.seconds_at(storyboard.frame_count()));
                let shots = counted(shots, "shot");
                printer.say(&format!("{}: {} {shots}, {seconds:.1} s", file.display(), strong("fine,")));
            }
            None => code = exit::FAILED,
        }
    }
    Ok(code)
}

/// The storyboard, or nothing; what is wrong with it is said.
fn read(file: &Path, is_draft: bool, printer: Printer) -> Option<Storyboard> {
    match Storyboard::read_at(file, &DiskFiles::default(), is_draft.then_some(DRAFT_RATE)) {
        Ok((storyboard, warnings)) => {
            if !warnings.is_empty() {
                printer.say(&warnings.to_string());
            }
            Some(storyboard)
        }
        Err(diagnostics) => {
            printer.complain(&diagnostics.to_string());
            None
        }
    }
}

fn make(args: &StoryboardArgs, global: &Global, printer: Printer) -> Outcome {
    let Some(file) = &args.file else { return Ok(exit::USAGE) };
    let plan = Plan::of(args, file)?;
    if args.watch {
        return watch::watch(&plan, args, global, printer);
    }
    let Some(storyboard) = read(file, args.draft, printer) else { return Ok(exit::FAILED) };
    let words = "interrupted: what is finished is kept; once more stops at once";
    let token = interrupt::token(printer, words)?;
    let progress = Progress::new(printer, global.verbose > 0);
    let props = Props::new()?;
    if let Some(shot) = &args.print_track {
        return print_track(&plan, storyboard, shot, args.draft, &props, (&progress, &token), printer);
    }
    let made = plan.make(storyboard, args.overwrite, args.restart, &props, &progress, &token);
    progress.end();
    let Made { summary, no_board } = made.map_err(|error| classify(error, &token))?;
    if let Some(film) = summary.film.as_ref().filter(|_| global.verbose > 0) {
        statistics(&film.stages, &film.queues, &film.live, printer);
    }
    report(&summary, printer);
    if args.json {
        // A summary is numbers and strings: it always has a JSON form.
        printer.data(&serde_json::to_string_pretty(&summary).unwrap_or_default());
    }
    if let Some(error) = no_board {
        return Err(classify(error, &token));
    }
    Ok(match &summary.film {
        Some(film) if !film.failures.is_empty() => exit::FAILED,
        Some(FilmSummary { interrupted: Some(text), .. }) => {
            return Err(Stop { error: anyhow::anyhow!("{text}"), code: exit::INTERRUPTED });
        }
        _ => exit::DONE,
    })
}

/// What was made, and why there are no boards where that failed after the film.
struct Made {
    summary: Summary,
    no_board: Option<FilmError>,
}

/// What the command line asks for.
struct Plan<'a> {
    file: &'a Path,
    args: &'a StoryboardArgs,
    films: Outputs,
    boards: Vec<(PathBuf, BoardKind)>,
    keep: PathBuf,
    drawing: Drawing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BoardKind {
    Html,
    Pdf,
    Sheet,
}

/// A name that says nothing is told what names say here.
fn kinds(stop: Stop) -> Stop {
    let text = stop.error.to_string();
    match text.split_once("\nhint: names that are understood: ") {
        Some((problem, _)) => Stop::usage(anyhow::anyhow!(
            "{problem}\nhint: the film is film.mp4, film.mkv, film.webm, film.gif, frames/ or shot_%05d.png, the board \
             board.html, board.pdf or board.png; live are preview://, rtmp://HOST/APP/KEY, srt://HOST:PORT and live.m3u8"
        )),
        None => stop,
    }
}

/// Refuses a board in a folder that is not there, before a film is made.
fn check_folder(board: &Path) -> Result<(), Stop> {
    let folder = board.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Ok(());
    }
    Err(Stop::usage(anyhow::anyhow!(
        "-o {}: there is no folder {}\nhint: make it first: mkdir -p '{1}'",
        board.display(),
        folder.display()
    )))
}

/// The kind of board that a name stands for, if it is one.
fn board_kind(name: &str) -> Option<BoardKind> {
    if name.starts_with(GST) {
        return None;
    }
    let ending = Path::new(name).extension().and_then(OsStr::to_str).map(str::to_lowercase);
    let is_pattern = name.contains('%');
    match ending.as_deref() {
        Some("html" | "htm") => Some(BoardKind::Html),
        Some("pdf") => Some(BoardKind::Pdf),
        Some("png") if !is_pattern => Some(BoardKind::Sheet),
        _ => None,
    }
}

impl<'a> Plan<'a> {
    fn of(args: &'a StoryboardArgs, file: &'a Path) -> Result<Self, Stop> {
        let (mut films, mut boards) = (Outputs::new(&args.watching)?, Vec::new());
        for name in &args.outputs {
            match board_kind(name) {
                Some(kind) => {
                    let path = PathBuf::from(name);
                    motion::check_new("-o", &path, args.overwrite || args.watch)?;
                    check_folder(&path)?;
                    boards.push((path, kind));
                }
                None => films.add(name, |_| None).map_err(kinds)?,
            }
        }
        if args.outputs.is_empty() && args.print_track.is_none() {
            return Err(Stop::usage(anyhow::anyhow!(
                "no output given\nhint: -o film.mp4 makes the film, -o board.html the panels; `moue storyboard check` \
                 only looks for mistakes"
            )));
        }
        films.live.check().map_err(Stop::usage)?;
        films.check_fail_fast()?;
        if args.watch && films.live.is_live() {
            return Err(Stop::usage(anyhow::anyhow!(
                "--watch and a live output do not go together\nhint: watch a file, e.g. -o draft.mp4"
            )));
        }
        let is_file =
            |name: &&String| !matches!(Target::parse(name), Ok(Target::Stream(_) | Target::Page(_) | Target::Raw(_)));
        let first = args.outputs.iter().find(is_file).map_or(file, Path::new);
        let keep = args.keep.clone().unwrap_or_else(|| beside(first));
        let keyframes = keyframing(&args.mixing);
        if args.draft && keyframes.is_some() {
            return Err(Stop::usage(anyhow::anyhow!(
                "--every, --share and --within do not go with --draft, which the mesh renderer draws\nhint: leave them out: \
                 a draft paints nothing"
            )));
        }
        let map = args.map.as_deref().map(read_map).transpose()?;
        let painting = painting(&args.painting, &args.models, None);
        let compose = args.painting.compose;
        let drawing = Drawing { device: args.device, painting, compose, map, keyframes };
        Ok(Self { file, args, films, boards, keep, drawing })
    }

    /// Makes all that is asked for.
    fn make(
        &self,
        mut storyboard: Storyboard,
        overwrite: bool,
        restart: bool,
        props: &Props,
        progress: &Progress,
        token: &CancelToken,
    ) -> Result<Made, FilmError> {
        if self.args.draft {
            draft(&mut storyboard, props)?;
        }
        self.drawing.check(&storyboard)?;
        let outputs = self.boards.iter().map(|(path, _)| path.as_path());
        let outputs = outputs.chain(self.films.files.iter().map(|(output, _)| output.path()));
        check_outputs(inputs_of(&storyboard), outputs)?;
        let mut summary = Summary {
            storyboard: self.file.display().to_string(),
            title: storyboard.title.clone(),
            shots: storyboard.shots.len(),
            film: None,
            boards: Vec::new(),
        };
        // What is wrong with the board is known before the film is made, and its files come last: a run that is interrupted
        // leaves none that would keep the same command from going on.
        let pictures = match self.boards.is_empty() {
            true => Vec::new(),
            false => panels(&storyboard, &self.keep, &self.drawing, props, progress, token)?,
        };
        let films = &self.films;
        if !films.files.is_empty() || !films.raw.is_empty() || films.live.is_live() {
            let cut = Cut::of_shots(&storyboard, &self.args.shots, self.file)?;
            let job = FilmJob {
                outputs: films.files.clone(),
                raw: films.raw.clone(),
                live: films.live.clone(),
                overwrite,
                keep: self.keep.clone(),
                restart,
                workers: self.args.threads.map(usize::from),
                drawing: self.drawing.clone(),
            };
            summary.film = Some(film(&storyboard, &cut, &job, props, progress, token)?);
        }
        let is_interrupted = summary.film.as_ref().is_some_and(|film| film.interrupted.is_some());
        let mut no_board = None;
        if !self.boards.is_empty() && !is_interrupted {
            match self.write_boards(&storyboard, &pictures, overwrite, progress) {
                Ok(boards) => summary.boards = boards,
                // What else was made is told all the same.
                Err(error) if summary.film.is_some() => no_board = Some(error),
                Err(error) => return Err(error),
            }
        }
        Ok(Made { summary, no_board })
    }

    fn write_boards(
        &self,
        storyboard: &Storyboard,
        pictures: &[RgbImage],
        overwrite: bool,
        progress: &Progress,
    ) -> Result<Vec<BoardSummary>, FilmError> {
        let board = Board::new(storyboard, pictures)?;
        let missing = board.missing_glyphs();
        if !missing.is_empty() && self.boards.iter().any(|(_, kind)| *kind != BoardKind::Html) {
            let some: String = missing.iter().take(12).collect();
            moue_animation::Observer::note(
                progress,
                &format!("PDF and PNG cannot show some characters of the texts ({some}); HTML can"),
            );
        }
        let mut written = Vec::new();
        for (path, kind) in &self.boards {
            let bytes = match kind {
                BoardKind::Html => save_bytes(board.html().as_bytes(), path, overwrite)?,
                BoardKind::Pdf => save_bytes(&board.pdf()?, path, overwrite)?,
                BoardKind::Sheet => save_png(&board.sheet(), path, overwrite)?,
            };
            written.push(BoardSummary { path: path.display().to_string(), panels: pictures.len(), bytes });
        }
        Ok(written)
    }
}

/// The folder for finished parts: `film.mp4` has `film.moue`, `frames/` has `frames.moue`.
fn beside(output: &Path) -> PathBuf {
    let name = output.file_stem().unwrap_or(OsStr::new("film")).to_string_lossy().replace('%', "");
    output.with_file_name(format!("{name}.moue"))
}

fn print_track(
    plan: &Plan<'_>,
    mut storyboard: Storyboard,
    name: &str,
    is_draft: bool,
    props: &Props,
    (progress, token): (&Progress, &CancelToken),
    printer: Printer,
) -> Outcome {
    if is_draft {
        draft(&mut storyboard, props)?;
    }
    plan.drawing.check(&storyboard).map_err(|error| classify(error, token))?;
    let shot = shot_named(&storyboard, name, plan.file).map_err(Stop::usage)?;
    let frames = storyboard.shots[shot].frames;
    let track = shot_track(&storyboard, shot, frames, plan.drawing.map.as_ref(), props, progress, token);
    progress.end();
    let mut text = Vec::new();
    moue_tracks::write_csv(&track.map_err(|error| classify(error, token))?, &mut text)?;
    printer.data(String::from_utf8_lossy(&text).trim_end());
    Ok(exit::DONE)
}

/// Whether it is the command line's fault.
pub fn is_usage(error: &FilmError) -> bool {
    match error {
        FilmError::NoSuchShot { .. } | FilmError::OutputIsInput { .. } | FilmError::Keyframes { .. } => true,
        FilmError::Animation(error) => matches!(
            error,
            AnimationError::SameOutput { .. } | AnimationError::Option { .. } | AnimationError::Device { .. }
        ),
        _ => false,
    }
}

fn classify(error: FilmError, token: &CancelToken) -> Stop {
    let code = match &error {
        FilmError::Interrupted(_) | FilmError::Animation(AnimationError::Interrupted) => exit::INTERRUPTED,
        _ if token.is_aborting() => exit::INTERRUPTED,
        _ if is_usage(&error) => exit::USAGE,
        _ => exit::FAILED,
    };
    Stop { error: error.into(), code }
}

fn report(summary: &Summary, printer: Printer) {
    for board in &summary.boards {
        let (panels, bytes) = (counted(board.panels, "panel"), size(board.bytes));
        printer.say(&format!("{} {}, {panels}, {bytes}", strong("wrote"), board.path));
    }
    let Some(film) = &summary.film else { return };
    film.outputs.iter().for_each(|output| printer.say(&wrote(&output.path, output.frames, output.bytes)));
    streamed(&film.live).for_each(|line| printer.say(&line));
    if film.interrupted.is_some() {
        return;
    }
    let [width, height] = film.size;
    let kept = match (film.rendered, film.frames - film.rendered) {
        (0, _) => "nothing had changed".to_owned(),
        (rendered, 0) => format!("{} rendered", counted(rendered, "frame")),
        (rendered, kept) => format!("{} rendered, {kept} kept from before", counted(rendered, "frame")),
    };
    printer.say(&format!("{:.1} s of {width}x{height}, {kept}, in {:.1} s", film.duration, film.seconds));
    if let (count @ 1.., bytes) = film.unused {
        tracing::info!(count, bytes, "parts of earlier versions are kept too");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_boards_from_films() {
        for name in ["a.html", "A.HTM", "b.pdf", "c.png"] {
            assert!(board_kind(name).is_some(), "{name}");
        }
        for name in ["a.mp4", "frames/", "shot_%05d.png", "a.gif", "a", "gst: pngenc ! filesink location=a.png"] {
            assert!(board_kind(name).is_none(), "{name}");
        }
        assert_eq!(
            moue_media::Output::parse("c.png").unwrap().kind(),
            moue_media::OutputKind::ContactSheet,
            "which storyboards have their own"
        );
    }

    #[test]
    fn finished_parts_lie_beside_the_first_output() {
        for (output, folder) in
            [("out/film.mp4", "out/film.moue"), ("frames/", "frames.moue"), ("a_%04d.png", "a_04d.moue")]
        {
            assert_eq!(beside(Path::new(output)), Path::new(folder));
        }
    }
}
