//! The names of everything a track may come as.

use std::fmt;
use std::str::FromStr;

use moue_timeline::nearest_name;

/// What a track comes as. [`fmt::Display`] and [`FromStr`] use the names that a `--format` flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// This project's own table: `time` in seconds and named columns.
    Moue,
    /// A recording of Epic's Live Link Face app (ARKit mode).
    LiveLinkFace,
    /// Results of MediaPipe's Face Landmarker as JSON.
    MediaPipe,
    /// Blendshape weights that NVIDIA's Audio2Face exports as JSON.
    Audio2Face,
    /// The table that the client of NVIDIA's Audio2Face-3D service writes.
    Audio2FaceCsv,
    /// Frames of the iFacialMocap and Facemotion3d apps, one a line.
    IFacialMocap,
    /// A NumPy archive of named arrays with a row per frame: `expression` (T, 50), `eyelids` (T, 2) and `jaw` (T, 3) of
    /// FLAME, `arkit` (T, n) with `arkit_names` (n,), `head` (T, 3) as yaw, pitch and roll in radians, and `fps` or `times`
    /// (T,) in seconds, each optional. Names of other programs are read too.
    Npz,
    /// What the VHAP tracker writes: one archive, or the folder of archives that it exports, one a frame.
    Vhap,
    /// A folder of archives, one a frame, of flame-head-tracker.
    FlameHeadTracker,
    /// A folder of folders, one a frame, with `exp.npy` and `pose.npy`: EMOCA, DECA.
    Emoca,
    /// One NumPy array of FLAME coefficients of T rows: (T, 55), (T, 53) without eyelids, or (T, 50) without jaw too.
    FlameArray,
    /// One NumPy array of ARKit coefficients in the order of Live Link Face: (T, 61) with the head and eyes, (T, 52),
    /// or (T, 51) without the tongue.
    ArkitArray,
    /// The same in the alphabetical order of ARKit's names: (T, 52), or (T, 51) without the tongue.
    ArkitSortedArray,
    /// The same in the order of MediaPipe's Face Landmarker: (T, 52) with `_neutral` first, or (T, 51) without it.
    MediaPipeArray,
}

impl Format {
    /// Every format, in the order in which help texts list them.
    pub const ALL: [Self; 14] = [
        Self::Moue,
        Self::LiveLinkFace,
        Self::MediaPipe,
        Self::Audio2Face,
        Self::Audio2FaceCsv,
        Self::IFacialMocap,
        Self::Npz,
        Self::Vhap,
        Self::FlameHeadTracker,
        Self::Emoca,
        Self::FlameArray,
        Self::ArkitArray,
        Self::ArkitSortedArray,
        Self::MediaPipeArray,
    ];

    /// The formats that [`crate::write()`] writes.
    pub const WRITABLE: [Self; 4] = [Self::Moue, Self::LiveLinkFace, Self::MediaPipe, Self::Npz];

    /// What a `--format` flag takes: `live-link-face`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Moue => "moue",
            Self::LiveLinkFace => "live-link-face",
            Self::MediaPipe => "mediapipe",
            Self::Audio2Face => "audio2face",
            Self::Audio2FaceCsv => "audio2face-csv",
            Self::IFacialMocap => "ifacialmocap",
            Self::Npz => "npz",
            Self::Vhap => "vhap",
            Self::FlameHeadTracker => "flame-head-tracker",
            Self::Emoca => "emoca",
            Self::FlameArray => "flame-array",
            Self::ArkitArray => "arkit-array",
            Self::ArkitSortedArray => "arkit-sorted-array",
            Self::MediaPipeArray => "mediapipe-array",
        }
    }

    /// What a person calls it: `Live Link Face CSV`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Moue => "moue CSV",
            Self::LiveLinkFace => "Live Link Face CSV",
            Self::MediaPipe => "MediaPipe JSON",
            Self::Audio2Face => "Audio2Face JSON",
            Self::Audio2FaceCsv => "Audio2Face-3D CSV",
            Self::IFacialMocap => "iFacialMocap text",
            Self::Npz => "NumPy archive",
            Self::Vhap => "VHAP archive",
            Self::FlameHeadTracker => "flame-head-tracker archives",
            Self::Emoca => "EMOCA or DECA folder",
            Self::FlameArray => "NumPy array of FLAME coefficients",
            Self::ArkitArray => "NumPy array of ARKit coefficients in Live Link Face's order",
            Self::ArkitSortedArray => "NumPy array of ARKit coefficients in alphabetical order",
            Self::MediaPipeArray => "NumPy array of ARKit coefficients in MediaPipe's order",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that is no format's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("format '{found}': expected one of {}\nhint: {hint}", names())]
pub struct FormatError {
    found: String,
    hint: String,
}

fn names() -> String {
    Format::ALL.map(Format::name).join(", ")
}

impl FromStr for Format {
    type Err = FormatError;

    /// Names in any casing, with `-` or `_` between the words.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = text.trim().to_ascii_lowercase().replace('_', "-");
        if let Some(format) = Self::ALL.into_iter().find(|format| format.name() == wanted) {
            return Ok(format);
        }
        let hint = match nearest_name(&wanted, Self::ALL.map(Self::name)) {
            Some(near) => format!("did you mean '{near}'?"),
            None => "without a format the content decides".to_owned(),
        };
        let found = text.chars().filter(|c| !c.is_control()).take(40).collect();
        Err(FormatError { found, hint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_formats_belong_together() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
            assert_eq!(format.name().to_uppercase().replace('-', "_").parse(), Ok(format));
            assert_eq!(Format::ALL.iter().filter(|other| other.title() == format.title()).count(), 1);
        }
        assert!(Format::WRITABLE.iter().all(|format| Format::ALL.contains(format)));
        assert_eq!(format!("[{:>9}]", Format::Moue), "[     moue]");
    }

    #[test]
    fn other_names_are_refused_with_the_nearest() {
        let message = "livelinkface".parse::<Format>().unwrap_err().to_string();
        assert!(message.starts_with("format 'livelinkface': expected one of moue, live-link-face, mediapipe, "));
        assert!(message.ends_with("\nhint: did you mean 'live-link-face'?"));
        let message = "\x1b[1mbvh".parse::<Format>().unwrap_err().to_string();
        assert!(message.starts_with("format '[1mbvh': ") && message.ends_with("the content decides"), "{message}");
    }
}
