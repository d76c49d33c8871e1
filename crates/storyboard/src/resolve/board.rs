//! A storyboard from its file.

use std::path::Path;

use moue_document::{Diagnostics, Key, Report, built_in};
use moue_timeline::FrameRate;

use super::{cast::Cast, expressions::Library, load::Loaded, shots::Shots, transitions};
use crate::clock::Clock;
use crate::written::{BoardText, OutputText, PoseText, Settings};
use crate::{Files, Output, Storyboard};

impl Storyboard {
    /// Reads a storyboard and what it includes, and looks at the files it names.
    ///
    /// # Errors
    /// Everything that is wrong with it, and what is probably not meant. Where nothing is wrong, the second value tells
    /// what is probably not meant.
    pub fn read(path: &Path, files: &dyn Files) -> Result<(Self, Diagnostics), Diagnostics> {
        Self::read_at(path, files, None)
    }

    /// The same, with frames at another rate than the storyboard's, as for a draft. Times are the same, those that are
    /// written in frames too.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_at(
        path: &Path,
        files: &dyn Files,
        rate: Option<FrameRate>,
    ) -> Result<(Self, Diagnostics), Diagnostics> {
        let mut report = Report::default();
        let mut loaded = Loaded::read(path, files, &mut report);
        let board = loaded.board.take();
        let storyboard = board.and_then(|board| resolve(board, &mut loaded, files, rate, &mut report));
        let diagnostics = report.finish(loaded.sources);
        match storyboard {
            Some(storyboard) if !diagnostics.has_errors() => Ok((storyboard, diagnostics)),
            _ => Err(diagnostics),
        }
    }
}

fn resolve(
    board: BoardText,
    loaded: &mut Loaded,
    files: &dyn Files,
    rate: Option<FrameRate>,
    report: &mut Report,
) -> Option<Storyboard> {
    let output = board.output.or_else(built_in::<OutputText>)?;
    let clock = Clock::new(output.fps.0, rate.unwrap_or(output.fps.0));
    let libraries = std::mem::take(&mut loaded.libraries);
    let (mut included_cast, mut included_expressions) = (Vec::new(), Vec::new());
    for library in libraries {
        included_cast.extend(library.cast.0);
        included_expressions.extend(library.expressions.0);
    }
    let mut library = expressions(board.expressions.0, included_expressions, report);
    let mut cast = Cast::new(board.cast.0, included_cast, (loaded, &output.rendering, files), &mut library, report);
    if cast.characters.is_empty() {
        report.error(loaded.board_span, "the cast is empty").hint("name who plays: `cast: {ada: portrait.png}`");
    }
    if board.shots.0.is_empty() {
        return None;
    }
    let defaults = board.defaults.unwrap_or_else(Settings::empty);
    let built_in = Settings::built_in();
    let mut shots = Shots {
        clock,
        defaults: &defaults,
        built_in: &built_in,
        renderer: output.renderer,
        loaded,
        files,
        library: &mut library,
        cast: &mut cast,
    };
    let (mut shots, joints) = shots.resolve(&board.shots.0, report);
    transitions::check(&joints, &board.end, &mut shots, clock, report);
    cast.warn_of_unused(report);
    library.finish(report);
    Some(Storyboard {
        title: board.title,
        output: Output {
            size: output.size,
            rate: clock.rate(),
            renderer: output.renderer,
            background: output.background.0,
        },
        cast: cast.characters,
        shots,
        end: transitions::transition(board.end.value, clock),
        files: std::mem::take(&mut loaded.files),
    })
}

/// The library: the storyboard's own expressions hide included ones of the same name.
fn expressions(
    own: Vec<(Key, Option<PoseText>)>,
    included: Vec<(Key, Option<PoseText>)>,
    report: &mut Report,
) -> Library {
    let mut library = Library::new();
    for (key, text) in included {
        let first = library.defined_at(&key.name).filter(|_| own.iter().all(|(own, _)| own.name != key.name));
        if let Some(first) = first {
            let error = report.error(key.span, format!("`{}` is in two of the files that are included", key.name));
            error.label(first, "here too").hint("name one of them otherwise, or say in the storyboard which it is");
        }
        library.define(vec![(key, text)], report);
    }
    library.define(own, report);
    library
}
