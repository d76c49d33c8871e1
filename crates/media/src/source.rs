//! Where moving pictures come from.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use gstreamer as gst;
use moue_timeline::FrameRate;

use crate::error::MediaError;

/// Endings of the pictures that a folder is searched for.
pub(crate) const PICTURE_ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// A place that frames are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A video file, or a single picture, which is a video of one frame.
    File(PathBuf),
    /// An address: `http://`, `https://`, `rtmp://`, `v4l2://` and whatever else GStreamer has an element for.
    Address(String),
    /// The pictures (PNG, JPEG, WebP) of a folder, in the order in which people count: `frame9`, `frame10`.
    Folder {
        /// The folder.
        path: PathBuf,
        /// How many of them are shown per second.
        rate: FrameRate,
    },
}

impl Source {
    /// Says what a text stands for: an address with `://` in it (`file://` gives a file), an existing folder, or a
    /// file. A folder's pictures are shown at 25 per second; [`at`](Self::at) changes that.
    ///
    /// # Errors
    /// [`MediaError::Address`]: a `file://` address that is no path.
    pub fn parse(text: &str) -> Result<Self, MediaError> {
        let Some((scheme, _)) = text.split_once("://") else { return Ok(Self::from(Path::new(text))) };
        if scheme.eq_ignore_ascii_case("file") {
            let path = gst::glib::filename_from_uri(text).map_err(|error| MediaError::Address {
                address: text.to_owned(),
                problem: error.message().to_owned(),
                hint: "write the path alone",
            })?;
            return Ok(Self::from(path.0));
        }
        Ok(Self::Address(text.to_owned()))
    }

    /// The same, a folder's pictures being shown at another rate.
    pub fn at(self, rate: FrameRate) -> Self {
        match self {
            Self::Folder { path, .. } => Self::Folder { path, rate },
            other => other,
        }
    }

    /// What it is called where people and programs read it: an address without what may be a secret.
    pub(crate) fn name(&self) -> PathBuf {
        match self {
            Self::File(path) | Self::Folder { path, .. } => path.clone(),
            Self::Address(address) => PathBuf::from(shown(address)),
        }
    }

    /// The address that GStreamer knows it by.
    pub(crate) fn address(&self) -> Result<String, MediaError> {
        let path = match self {
            Self::Address(address) => return Ok(address.clone()),
            Self::File(path) | Self::Folder { path, .. } => path,
        };
        let failed = |source| MediaError::Io { path: path.clone(), action: "finding it", source };
        let absolute = std::path::absolute(path).map_err(failed)?;
        let address = gst::glib::filename_to_uri(&absolute, None).map_err(|error| MediaError::Address {
            address: path.display().to_string(),
            problem: error.message().to_owned(),
            hint: "rename the file",
        })?;
        Ok(address.into())
    }
}

impl<P: AsRef<OsStr> + ?Sized> From<&P> for Source {
    fn from(path: &P) -> Self {
        Self::from(PathBuf::from(path))
    }
}

impl From<PathBuf> for Source {
    /// A folder if there is one of that name, a file otherwise.
    fn from(path: PathBuf) -> Self {
        if path.is_dir() { Self::Folder { path, rate: FrameRate::FPS_25 } } else { Self::File(path) }
    }
}

/// An address without user, password and query, and without the stream key that servers of RTMP find in the path.
pub(crate) fn shown(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (place, query) = rest.split_once(['?', '#']).map_or((rest, ""), |(place, _)| (place, "?..."));
    let (authority, path) = place.split_once('/').map_or((place, None), |(authority, path)| (authority, Some(path)));
    let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
    let is_rtmp = scheme.to_lowercase().starts_with("rtmp");
    let path = match path.map(|path| path.split_once('/').unwrap_or((path, ""))) {
        None => String::new(),
        Some((application, key)) if is_rtmp && !key.is_empty() => {
            return format!("{scheme}://{server}/{application}/...");
        }
        Some(_) => place[authority.len()..].to_owned(),
    };
    format!("{scheme}://{server}{path}{query}")
}

/// What somebody else says, whose addresses may have secrets.
pub(crate) fn without_secrets(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "'\"<>()[],;".contains(c);
    text.split_inclusive(is_end)
        .map(|word| {
            let bare = word.trim_end_matches(is_end);
            if bare.contains("://") { format!("{}{}", shown(bare), &word[bare.len()..]) } else { word.to_owned() }
        })
        .collect()
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().display().fmt(f)
    }
}

/// Checks that there is a file with something in it.
pub(crate) fn check_file(path: &Path) -> Result<(), MediaError> {
    let found = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            MediaError::Missing { path: path.to_owned() }
        }
        _ => MediaError::Io { path: path.to_owned(), action: "reading it", source: error },
    })?;
    let not_a_file = |found, hint| Err(MediaError::NotAFile { path: path.to_owned(), found, hint });
    if found.is_dir() {
        return not_a_file("a folder", "name a video in it");
    }
    if !found.is_file() {
        return not_a_file("a device or a pipe", "cameras are named v4l2:///dev/video0; save a pipe to a file first");
    }
    if found.len() == 0 {
        return Err(MediaError::Empty { path: path.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_files_folders_or_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().to_str().unwrap();
        assert!(matches!(Source::parse(text).unwrap(), Source::Folder { rate: FrameRate::FPS_25, .. }));
        let at_30 = Source::parse(text).unwrap().at(FrameRate::FPS_30);
        assert!(matches!(at_30, Source::Folder { rate: FrameRate::FPS_30, .. }));
        assert_eq!(Source::parse("a clip.mp4").unwrap(), Source::File("a clip.mp4".into()));
        assert_eq!(Source::parse("file:///a%20clip.mp4").unwrap(), Source::File("/a clip.mp4".into()));
        assert_eq!(Source::parse("v4l2:///dev/video0").unwrap(), Source::Address("v4l2:///dev/video0".into()));
        assert!(Source::parse("file://%zz").unwrap_err().to_string().contains("path alone"));
    }

    #[test]
    fn addresses_are_shown_without_their_secrets() {
        for (address, shown) in [
            ("rtmp://me:word@host:1935/live/key?k=v", "rtmp://host:1935/live/..."),
            ("rtmp://host/live", "rtmp://host/live"),
            ("https://me:word@host/a/b.mp4?sig=x", "https://host/a/b.mp4?..."),
            ("https://host/a@b.mp4", "https://host/a@b.mp4"),
            ("srt://host:7001?passphrase=0123456789", "srt://host:7001?..."),
            ("v4l2:///dev/video0", "v4l2:///dev/video0"),
            ("http://[::1]:80/a.mp4", "http://[::1]:80/a.mp4"),
        ] {
            let source = Source::parse(address).unwrap();
            assert_eq!((source.to_string().as_str(), source.name().to_str().unwrap()), (shown, shown));
            assert_eq!(source.address().unwrap(), address);
            let said = format!("no stream at '{address}' (or at {address})");
            assert_eq!(without_secrets(&said), format!("no stream at '{shown}' (or at {shown})"));
        }
    }

    #[test]
    fn odd_names_become_addresses() {
        let address = Source::from("/a/ä #1?.mp4").address().unwrap();
        assert_eq!(address, "file:///a/%C3%A4%20%231%3F.mp4");
        assert!(Source::from("b.mp4").address().unwrap().starts_with("file:///"));
    }

    #[test]
    fn what_is_no_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        assert!(matches!(check_file(&path), Err(MediaError::Missing { .. })));
        fs::write(&path, "").unwrap();
        assert!(matches!(check_file(&path), Err(MediaError::Empty { .. })));
        assert!(matches!(check_file(folder.path()), Err(MediaError::NotAFile { .. })));
        assert!(check_file(Path::new("/dev/null")).unwrap_err().to_string().contains("v4l2"));
    }
}
