//! Trackers that write a file or a folder for every frame.
//!
//! | folder | frames |
//! | --- | --- |
//! | flame-head-tracker | `0.npz`, `1.npz`, …: archives of arrays of one row, named as in [`crate::numpy`] |
//! | VHAP's export, `flame_param` | `00000.npz`, … |
//! | EMOCA, DECA | folders such as `000001_000` with `exp.npy` (50 values) and `pose.npy` (6) |
//!
//! Names are sorted as people count, and their numbers are frame numbers: where one is missing there was no face, and
//! it is bridged. Of several faces in a frame (`000001_000`, `000001_001`) the first is used.

mod frames;

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use moue_timeline::FrameRate;

use crate::content::{self, ContentKind, MATLAB, TRACKS};
use crate::error::quoted;
use crate::header::listed;
use crate::numpy::{self, Accept, Archive, RawArray, Rows};
use crate::{Format, LoadedTrack, MAX_FILE_BYTES, ReadOptions, TrackError};
use frames::{Frames, natural_order};

/// Nine hours at 30 frames per second.
const MAX_ENTRIES: usize = 1 << 20;
/// A longer pause within a folder is a number that counts no frames.
const LONGEST_GAP_SECONDS: f64 = 3600.0;
const EXPRESSION: &str = "exp.npy";
const POSE: &str = "pose.npy";

/// What lies in a folder, in natural order, without hidden things.
struct Listing {
    files: Vec<String>,
    folders: Vec<String>,
}

impl Listing {
    fn of(path: &Path, file: &str) -> Result<Self, TrackError> {
        let io = |error| TrackError::io(file, error);
        let mut listing = Self { files: Vec::new(), folders: Vec::new() };
        for entry in fs::read_dir(path).map_err(io)? {
            let entry = entry.map_err(io)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') {
                continue;
            }
            if listing.files.len() + listing.folders.len() == MAX_ENTRIES {
                let (found, expected) = (format!("more than {MAX_ENTRIES} files"), "one for each frame");
                return Err(TrackError::whole_file(file, found, expected, "cut the recording into parts"));
            }
            // Through links, as when it is opened.
            match entry.path().is_dir() {
                true => listing.folders.push(name),
                false => listing.files.push(name),
            }
        }
        listing.files.sort_by(|a, b| natural_order(a, b));
        listing.folders.sort_by(|a, b| natural_order(a, b));
        Ok(listing)
    }

    fn ending<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = &'a str> + Clone {
        let ends = move |name: &&str| name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(ending));
        self.files.iter().map(String::as_str).filter(ends)
    }
}

/// How the frames lie in a folder.
enum Layout {
    Archives(Vec<String>),
    /// Folders with an expression, and how many have none.
    Folders(Vec<String>, usize),
    /// The arrays of all frames, or of a single one.
    Arrays,
}

impl Layout {
    fn of(path: &Path, listing: &Listing) -> Option<Self> {
        if listing.files.iter().any(|name| name == EXPRESSION) {
            return Some(Self::Arrays);
        }
        let has_expression = |name: &&String| path.join(name).join(EXPRESSION).is_file();
        let frames: Vec<String> = listing.folders.iter().filter(has_expression).cloned().collect();
        if !frames.is_empty() {
            let without = listing.folders.len() - frames.len();
            return Some(Self::Folders(frames, without));
        }
        let archives: Vec<String> = listing.ending("npz").map(str::to_owned).collect();
        (!archives.is_empty()).then_some(Self::Archives(archives))
    }
}

/// What kind of folder this is.
pub(crate) fn kind(path: &Path, file: &str) -> Result<ContentKind, TrackError> {
    let listing = Listing::of(path, file)?;
    if Layout::of(path, &listing).is_some() {
        return Ok(ContentKind::Track);
    }
    // A folder of a phone's take has a picture too.
    let kinds = listing.files.iter().take(16).filter_map(|name| content::file_kind(&path.join(name)).ok());
    let kinds: Vec<ContentKind> = kinds.collect();
    let pictures = kinds.iter().filter(|kind| **kind == ContentKind::Picture).count();
    Ok(if pictures * 2 > kinds.len() { ContentKind::PictureFolder } else { ContentKind::Unknown })
}

/// Reads the folder at `path`.
pub(crate) fn read(path: &Path, file: &str, options: ReadOptions) -> Result<LoadedTrack, TrackError> {
    let listing = Listing::of(path, file)?;
    let layout = Layout::of(path, &listing);
    let guess = layout.as_ref().map(|layout| match layout {
        Layout::Archives(_) => Format::FlameHeadTracker,
        Layout::Folders(..) | Layout::Arrays => Format::Emoca,
    });
    let fits = |wanted: Format| match guess {
        Some(Format::Emoca) => wanted == Format::Emoca,
        _ => matches!(wanted, Format::FlameHeadTracker | Format::Vhap | Format::Npz),
    };
    if let (Some(wanted), Some(guess)) = (options.format.filter(|wanted| !fits(*wanted)), guess) {
        return Err(TrackError::misfit(file, guess, wanted));
    }
    match layout {
        Some(Layout::Archives(names)) => archives(path, file, &names, options),
        Some(Layout::Folders(names, without)) => folders(path, file, &names, without, options),
        Some(Layout::Arrays) => numpy::finish(file, frame_of(path)?, options),
        None => Err(refusal(path, file, &listing)),
    }
}

fn archives(path: &Path, file: &str, names: &[String], options: ReadOptions) -> Result<LoadedTrack, TrackError> {
    let read = |path: PathBuf| {
        let name = path.display().to_string();
        let input = open(&path, &name)?;
        let mut archive = Archive::open(&name, BufReader::new(input))?;
        numpy::of_archive(&name, &mut archive, options.format, true)
    };
    join(path, file, names, options, Vec::new(), read)
}

fn folders(
    path: &Path,
    file: &str,
    names: &[String],
    without: usize,
    options: ReadOptions,
) -> Result<LoadedTrack, TrackError> {
    let notes = match without {
        0 => Vec::new(),
        _ => vec![format!("{without} of {} folders have no {EXPRESSION}", without + names.len())],
    };
    join(path, file, names, options, notes, |path| frame_of(&path))
}

/// The arrays in the folder at `path`.
fn frame_of(path: &Path) -> Result<Rows, TrackError> {
    let array = |name: &str| {
        let path = path.join(name);
        let file = path.display().to_string();
        RawArray::read(&file, None, BufReader::new(open(&path, &file)?), None, Accept::Numbers)
    };
    let expression = array(EXPRESSION)?.named("exp");
    let pose = path.join(POSE).is_file().then(|| Ok(array(POSE)?.named("pose"))).transpose()?;
    numpy::of_frame(&path.display().to_string(), expression, pose)
}

fn open(path: &Path, name: &str) -> Result<File, TrackError> {
    let file = File::open(path).map_err(|error| TrackError::io(name, error))?;
    let bytes = file.metadata().map_err(|error| TrackError::io(name, error))?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(TrackError::too_large(name, bytes));
    }
    Ok(file)
}

/// A track of frames that are read one by one.
fn join(
    path: &Path,
    file: &str,
    names: &[String],
    options: ReadOptions,
    mut notes: Vec<String>,
    read: impl Fn(PathBuf) -> Result<Rows, TrackError>,
) -> Result<LoadedTrack, TrackError> {
    let frames = Frames::of(names);
    let mut all: Option<Rows> = None;
    for index in &frames.indices {
        let frame = path.join(&names[*index]);
        let name = frame.display().to_string();
        let rows = read(frame)?;
        if rows.count != 1 {
            let (found, hint) = (format!("{} frames", rows.count), "give the file itself where it holds a whole track");
            return Err(TrackError::whole_file(&name, found, "one frame in each file of a folder", hint));
        }
        match &mut all {
            None => all = Some(rows),
            Some(all) if all.channels == rows.channels => {
                all.values.extend(rows.values);
                all.count += 1;
            }
            Some(all) => {
                let found = format!("{} channels", rows.channels.len());
                let expected = format!("the {} channels of the first frame", all.channels.len());
                let hint = "the frames come from different programs or settings: keep one kind in the folder";
                return Err(TrackError::whole_file(&name, found, expected, hint));
            }
        }
    }
    let Some(mut rows) = all else { return Err(TrackError::whole_file(file, "no frames", TRACKS, "export it again")) };
    let rate = options.rate.or(rows.rate.take()).unwrap_or_else(|| {
        notes.push("a folder has no times: taken as 30 frames per second".to_owned());
        FrameRate::FPS_30
    });
    let numbers = frames.numbers(rate, LONGEST_GAP_SECONDS, &mut notes);
    rows.times = Some(numbers.into_iter().map(|number| rate.seconds_at(number)).collect());
    notes.append(&mut rows.notes);
    rows.notes = notes;
    numpy::finish(file, rows, options)
}

/// Why a folder without frames is no track.
fn refusal(path: &Path, file: &str, listing: &Listing) -> TrackError {
    let error = |found: String, hint: String| {
        let expected = "an archive or a folder for each frame (flame-head-tracker, VHAP, EMOCA, DECA)";
        TrackError::whole_file(file, found, expected, hint)
    };
    if listing.files.is_empty() && listing.folders.is_empty() {
        return error("an empty folder".to_owned(), "check the name".to_owned());
    }
    // DECA writes take/take.mat for every picture.
    let inner_mat =
        || listing.folders.iter().take(16).any(|name| path.join(name).join(format!("{name}.mat")).is_file());
    if listing.ending("mat").next().is_some() || inner_mat() {
        return error("MATLAB files".to_owned(), MATLAB.to_owned());
    }
    if matches!(kind(path, file), Ok(ContentKind::PictureFolder)) {
        let hint = "a track is made of them first: moue track FOLDER -o track.csv";
        return error("a folder of pictures".to_owned(), hint.to_owned());
    }
    let tracks = ["csv", "json", "txt", "npy"].into_iter().flat_map(|ending| listing.ending(ending)).next();
    let hint = match (tracks, listing.folders.as_slice()) {
        (Some(name), _) => format!("give the file inside it, for example {}", quoted(name)),
        (None, [_, ..]) => "give the folder further inside that holds one folder or archive for each frame".to_owned(),
        (None, []) => "check the name".to_owned(),
    };
    let names = listing.files.iter().chain(&listing.folders).map(String::as_str);
    error(format!("a folder with {}", listed(names)), hint)
}
