//! HLS: a playlist and its segments in a folder.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use gst::prelude::*;
use gstreamer as gst;

use super::output::LiveOutput;
use super::settings::LiveSettings;
use super::words::Loss;
use crate::container::text;
use crate::elements;
use crate::error::MediaError;
use crate::room;

/// Segments that the playlist names. A player starts three before the end.
const LISTED: u32 = 6;
/// Segments on disk: a player that read the playlist a moment ago may still ask for those that just left it.
const KEPT: u32 = LISTED + 4;

/// Makes the playlist's own folder where it is missing; those that it lies in have to be there.
pub(super) fn make_folder(path: &Path) -> Result<(), MediaError> {
    match fs::create_dir(folder(path)) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        // Said better where it is looked for.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(MediaError::from_io(path, "making its folder", error)),
    }
}

/// Checks that a playlist can be written there, before anything is rendered.
pub(super) fn check(path: &Path) -> Result<(), MediaError> {
    let folder = folder(path);
    if !folder.is_dir() {
        return Err(MediaError::NoFolder { path: path.to_owned(), folder: folder.to_owned() });
    }
    tempfile::tempfile_in(folder).map_err(|error| MediaError::from_io(path, "writing there", error))?;
    let mut start = String::new();
    let exists = |found: &str| {
        let hint = "choose another name or remove it";
        Err(MediaError::Exists { path: path.to_owned(), found: found.to_owned(), hint })
    };
    if path.is_dir() {
        return exists("there is a folder of that name");
    }
    match fs::File::open(path) {
        Ok(file) => {
            let read = file.take(7).read_to_string(&mut start);
            // The playlist of an earlier stream is replaced, as every player expects; anything else is left alone.
            if read.is_err() || !(start.is_empty() || start == "#EXTM3U") {
                exists("there is another file")
            } else {
                Ok(())
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(MediaError::from_io(path, "reading the playlist that is there", error)),
    }
}

/// Checks that a session can begin there, which takes away what the one before has left: that is not done for nothing.
pub(super) fn make_room(path: &Path, settings: &LiveSettings) -> Result<(), Loss> {
    room_for(path, settings, room::free)
}

fn room_for(path: &Path, settings: &LiveSettings, free: fn(&Path) -> Option<u64>) -> Result<(), Loss> {
    check(path).map_err(|error| {
        let text = error.to_string();
        let (problem, hint) = text.split_once("\nhint: ").unwrap_or((&text, "check the folder"));
        let problem = problem.strip_prefix(&*path.to_string_lossy()).unwrap_or(problem).trim_start_matches(": ");
        Loss::new(problem, hint)
    })?;
    let folder = folder(path);
    let sizes = segments(path).into_iter().filter_map(|segment| Some(fs::metadata(segment).ok()?.len()));
    let seconds = settings.idr_interval_secs.seconds().ceil().max(1.0) * f64::from(KEPT + 1);
    let wanted = (f64::from(settings.bitrate_kbps.kbit_per_s()) * 125.0 * seconds) as u64;
    match free(folder).map(|free| free + sizes.sum::<u64>()) {
        Some(free) if free < wanted => {
            let mb = |bytes: u64| bytes as f64 / 1e6;
            let why = format!("the disk is full: it has {:.1} MB, and segments take {:.1}", mb(free), mb(wanted));
            Err(Loss::new(why, "make room, choose another folder or a lower bitrate_kbps"))
        }
        _ => Ok(()),
    }
}

/// What writes the playlist of session `number`. It touches no file before it is started.
pub(super) fn sink(output: &LiveOutput, settings: &LiveSettings, number: u64) -> Result<gst::Element, MediaError> {
    let shown = output.shown_path();
    let path = output.playlist_path().unwrap_or(&shown);
    let sink = elements::HLSSINK2.make(path)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    sink.set_property("playlist-location", text(path));
    sink.set_property("location", text(&folder(path).join(format!("{stem}-{number}-%05d.ts"))));
    sink.set_property("playlist-length", LISTED);
    sink.set_property("max-files", KEPT);
    // Segments begin with IDR frames, which come at regular times; asked-for ones would come between.
    sink.set_property("send-keyframe-requests", false);
    sink.set_property("target-duration", settings.idr_interval_secs.seconds().ceil() as u32);
    Ok(sink)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes what earlier sessions left, of this process and of those before it: the playlist that speaks of it is replaced.
///
/// To be called when a session begins and has written nothing. Numbers of sessions begin anew in each process, so a
/// session may have the names of older segments, which must not be taken for its own.
pub(super) fn remove_segments(path: &Path) {
    segments(path).into_iter().for_each(|segment| drop(fs::remove_file(segment)));
}

/// The segments that lie there.
fn segments(path: &Path) -> Vec<PathBuf> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let entries = fs::read_dir(folder(path)).into_iter().flatten().flatten();
    let segments = entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| is_segment(name, &stem)));
    segments.map(|entry| entry.path()).collect()
}

/// `<stem>-<session>-<five digits>.ts`.
fn is_segment(name: &str, stem: &str) -> bool {
    let numbers = name.strip_prefix(stem).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".ts")?.split_once('-'));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(session, index)| are_digits(session) && index.len() >= 5 && are_digits(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_segments_of_this_playlist_are_ours() {
        for (name, ours) in [
            ("live-1-00000.ts", true),
            ("live-12-123456.ts", true),
            ("live-1-0000.ts", false),
            ("live-00000.ts", false),
            ("live-1-00000.mp4", false),
            ("live-x-00000.ts", false),
            ("alive-1-00000.ts", false),
            ("live2-1-00000.ts", false),
        ] {
            assert_eq!(is_segment(name, "live"), ours, "{name}");
        }
    }

    #[test]
    fn segments_of_earlier_sessions_go_when_one_begins_and_not_before() {
        elements::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let playlist = folder.path().join("live.m3u8");
        let names = ["live-1-00000.ts", "live-7-00003.ts", "other-1-00000.ts", "live.m3u8"];
        names.iter().for_each(|name| fs::write(folder.path().join(name), "").unwrap());
        let left = || names.map(|name| folder.path().join(name).exists());
        let output = LiveOutput::parse(playlist.to_str().unwrap()).unwrap();
        for number in [0, 1] {
            sink(&output, &LiveSettings::default(), number).unwrap();
        }
        assert_eq!(left(), [true; 4], "a sink that is not started changes nothing");
        remove_segments(&playlist);
        assert_eq!(left(), [false, false, true, true]);
    }

    #[test]
    fn a_session_begins_where_its_segments_have_room() {
        let folder = tempfile::tempdir().unwrap();
        let playlist = folder.path().join("live.m3u8");
        let settings: LiveSettings = serde_json::from_str(r#"{"bitrate_kbps": 800}"#).unwrap();
        // 800 kbit/s are 100 kB a second, and eleven seconds lie there at once.
        assert_eq!(room_for(&playlist, &settings, |_| None), Ok(()));
        assert_eq!(room_for(&playlist, &settings, |_| Some(1_100_000)), Ok(()));
        let scarce = |_: &Path| Some(1_000_000);
        let loss = room_for(&playlist, &settings, scarce).unwrap_err();
        assert_eq!(loss.why, "the disk is full: it has 1.0 MB, and segments take 1.1");
        // What lies there goes when it begins.
        fs::write(folder.path().join("live-1-00000.ts"), vec![0; 100_000]).unwrap();
        assert_eq!(room_for(&playlist, &settings, scarce), Ok(()));
        let loss = room_for(&folder.path().join("none/live.m3u8"), &settings, |_| None).unwrap_err();
        assert!(loss.why.starts_with("there is no folder") && !loss.hint.is_empty(), "{loss:?}");
    }

    #[test]
    fn what_stands_in_the_way_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        check(&at("new.m3u8")).unwrap();
        fs::write(at("old.m3u8"), "#EXTM3U\n#EXT-X-VERSION:3\n").unwrap();
        check(&at("old.m3u8")).unwrap();
        fs::write(at("letter.m3u8"), "Dear Ada").unwrap();
        assert!(matches!(check(&at("letter.m3u8")), Err(MediaError::Exists { .. })));
        assert!(matches!(check(&at("none/a.m3u8")), Err(MediaError::NoFolder { .. })));
        fs::create_dir(at("folder.m3u8")).unwrap();
        assert!(matches!(check(&at("folder.m3u8")), Err(MediaError::Exists { .. })));
    }
}
