//! From a name to what is written there.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::contact_sheet::ContactSheet;
use crate::container::Container;
use crate::elements;
use crate::encoders::{is_nvenc_here, no_nvenc};
use crate::error::MediaError;
use crate::frames::{FrameFolder, FramePattern, Pattern};
use crate::gif_file::GifFile;
use crate::gst_file::GstFile;
use crate::pending::{check_parent, exists};
use crate::settings::{Codec, EncoderSettings, H264Encoder};
use crate::sink::{Sink, VideoFormat};
use crate::sound::{SoundUse, Soundtrack, plan, plan_beside};

/// The kinds of output, told apart by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// `.mp4`: H.264, plays everywhere.
    Mp4,
    /// `.mkv`: H.264, VP9, AV1 or FFV1; what was written survives a killed process.
    Mkv,
    /// `.webm`: VP9 or AV1.
    Webm,
    /// `.gif`: 256 colours, loops for ever.
    Gif,
    /// A folder: `00000.png`, `00001.png` and so on.
    FrameFolder,
    /// A pattern such as `shot_%05d.png`: frames in a folder that may hold other things too.
    FramePattern,
    /// `.png`: up to 24 evenly spaced frames in a grid.
    ContactSheet,
}

impl OutputKind {
    /// Whether it can have sound.
    pub fn holds_sound(self) -> bool {
        self.container().is_some()
    }

    /// What frame widths and heights must be divisible by: 2 where chroma is subsampled.
    pub fn size_multiple(self) -> u32 {
        if self.container().is_some() { 2 } else { 1 }
    }

    /// The container, of those that are video files.
    pub(crate) fn container(self) -> Option<Container> {
        match self {
            Self::Mp4 => Some(Container::Mp4),
            Self::Mkv => Some(Container::Mkv),
            Self::Webm => Some(Container::Webm),
            Self::Gif | Self::FrameFolder | Self::FramePattern | Self::ContactSheet => None,
        }
    }
}

impl fmt::Display for OutputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mp4 => "MP4",
            Self::Mkv => "MKV",
            Self::Webm => "WebM",
            Self::Gif => "GIF",
            Self::FrameFolder => "frame folder",
            Self::FramePattern => "frames",
            Self::ContactSheet => "contact sheet",
        })
    }
}

/// Something to write: a path and a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    path: PathBuf,
    kind: OutputKind,
}

const KINDS_HINT: &str = "names that are understood: clip.mp4, clip.mkv, clip.webm, clip.gif, sheet.png (contact \
                          sheet), frames/ (folder), shot_%05d.png (numbered frames)";

impl Output {
    /// Says what a name stands for, by its ending: `.mp4`, `.mkv`, `.webm`, `.gif`; `.png` is a contact sheet, or
    /// numbered frames if it holds a `%05d`; a trailing `/`, an existing folder or a name without an ending is a
    /// folder of frames.
    ///
    /// # Errors
    /// [`MediaError::OutputName`]: a network address, an unknown ending, a malformed pattern.
    pub fn parse(name: &str) -> Result<Self, MediaError> {
        let wrong = |problem: String, hint: &str| {
            Err(MediaError::OutputName { name: name.to_owned(), problem, hint: hint.to_owned() })
        };
        if name.trim().is_empty() {
            return wrong("the name is empty".to_owned(), KINDS_HINT);
        }
        if let Some((scheme, _)) = name.split_once("://") {
            if scheme.eq_ignore_ascii_case("file") {
                return wrong("expected a path, found a file address".to_owned(), "write the path alone");
            }
            let problem = format!("expected a file, found an address of '{scheme}'");
            return wrong(problem, "addresses that are streamed to are rtmp://, rtmps:// and srt://");
        }
        let path = PathBuf::from(name);
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let is_folder = name.ends_with('/') || path.is_dir();
        let kind = match ending.as_deref() {
            _ if name.contains('%') => {
                if let Err(problem) = Pattern::parse(&path) {
                    return wrong(problem, "write for example shot_%05d.png");
                }
                OutputKind::FramePattern
            }
            Some(ending @ ("mp4" | "mkv" | "webm" | "gif" | "png")) if is_folder => {
                return wrong(format!("this is a folder with the ending of a {ending} file"), "choose another name");
            }
            _ if is_folder => OutputKind::FrameFolder,
            Some("mp4") => OutputKind::Mp4,
            Some("mkv") => OutputKind::Mkv,
            Some("webm") => OutputKind::Webm,
            Some("gif") => OutputKind::Gif,
            Some("png") => OutputKind::ContactSheet,
            None => OutputKind::FrameFolder,
            Some(ending) => return wrong(format!("nothing is written as '.{ending}'"), KINDS_HINT),
        };
        Ok(Self { path, kind })
    }

    /// An MKV file, whatever its name is.
    pub fn mkv(path: PathBuf) -> Self {
        Self { path, kind: OutputKind::Mkv }
    }

    /// Where it goes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is.
    pub fn kind(&self) -> OutputKind {
        self.kind
    }

    /// Opens it for writing. Everything that can be known beforehand is checked here, before anything is rendered.
    ///
    /// Without `overwrite`, whatever exists under the name is left alone, also if it appears while rendering. With it:
    /// a file is replaced in one step; a folder is replaced if it holds numbered frames and nothing else; for a
    /// pattern, all existing frames of that pattern make way, so that what is there afterwards is this clip.
    ///
    /// # Errors
    /// See [`MediaError`]: the name is taken, the folder is missing or not writable, the size or the settings do not
    /// suit the codec, an element is missing.
    pub fn open(
        &self,
        format: &VideoFormat,
        settings: &EncoderSettings,
        overwrite: bool,
    ) -> Result<Box<dyn Sink>, MediaError> {
        self.open_for(format, settings, None, overwrite).map(|(sink, _)| sink)
    }

    /// The same with sound. What becomes of it is known beforehand and given back, to be told once; outputs that hold
    /// no sound, and sources that have none, are no errors.
    ///
    /// The sound starts with frame 0 and ends with the last frame that was written, also if a run is cut short. It is
    /// put in when the output is finished, which therefore takes as long as copying the file.
    ///
    /// # Errors
    /// As [`open`](Self::open); the soundtrack's source is missing or no media file.
    pub fn open_with_sound(
        &self,
        format: &VideoFormat,
        settings: &EncoderSettings,
        soundtrack: &Soundtrack,
        overwrite: bool,
    ) -> Result<(Box<dyn Sink>, SoundUse), MediaError> {
        self.open_for(format, settings, Some(soundtrack), overwrite)
    }

    fn open_for(
        &self,
        format: &VideoFormat,
        settings: &EncoderSettings,
        soundtrack: Option<&Soundtrack>,
        overwrite: bool,
    ) -> Result<(Box<dyn Sink>, SoundUse), MediaError> {
        self.check_size(format)?;
        let Some(container) = self.kind.container() else {
            let sink: Box<dyn Sink> = match self.kind {
                OutputKind::Gif => Box::new(GifFile::open(&self.path, format, overwrite)?),
                OutputKind::FrameFolder => Box::new(FrameFolder::open(&self.path, format, overwrite)?),
                OutputKind::FramePattern => Box::new(FramePattern::open(&self.path, format, overwrite)?),
                _ => Box::new(ContactSheet::open(&self.path, format, overwrite)?),
            };
            return Ok((sink, SoundUse::NotHeld));
        };
        elements::start()?;
        let codec = self.codec(container, settings)?;
        let (sound_use, plan) = match soundtrack {
            Some(soundtrack) if settings.fragmented => plan_beside(&self.path, soundtrack)?,
            Some(soundtrack) => plan(&self.path, container, soundtrack)?,
            None => (SoundUse::Silent, None),
        };
        let sink = GstFile::open(&self.path, container, codec, format, settings, plan, overwrite)?;
        Ok((Box::new(sink), sound_use))
    }

    fn codec(&self, container: Container, settings: &EncoderSettings) -> Result<Codec, MediaError> {
        let codec = settings.codec.unwrap_or(container.codecs()[0]);
        let wrong = |problem: String, hint: String| MediaError::Settings { path: self.path.clone(), problem, hint };
        if !container.codecs().contains(&codec) {
            let names: Vec<_> = container.codecs().iter().map(|codec| codec.name()).collect();
            let problem = format!("{} cannot hold {}", self.kind, codec.name());
            return Err(wrong(problem, format!("leave the codec out; {} holds {}", self.kind, names.join(" or "))));
        }
        if codec == Codec::Ffv1 && settings.crf.is_some() {
            return Err(wrong("FFV1 is lossless, and has no crf".to_owned(), "leave the crf out".to_owned()));
        }
        if settings.fragmented && container != Container::Mp4 {
            let problem = format!("{} has no fragments", self.kind);
            let hint = "leave `fragmented` out: what was written of an MKV can be read without; or write an MP4";
            return Err(wrong(problem, hint.to_owned()));
        }
        if settings.encoder.is_some() && codec != Codec::H264 {
            let problem = format!("x264 and NVENC encode H.264 here, not {}", codec.name());
            return Err(wrong(problem, "leave the encoder out".to_owned()));
        }
        if settings.encoder == Some(H264Encoder::Nvenc) && !is_nvenc_here() {
            return Err(no_nvenc(&self.path));
        }
        if let Some(crf) = settings.crf.filter(|crf| crf.get() > codec.max_crf()) {
            let problem = format!("crf {} is out of range: {} has 0 to {}", crf.get(), codec.name(), codec.max_crf());
            return Err(wrong(problem, format!("{} is the default", codec.default_crf().get())));
        }
        Ok(codec)
    }

    /// Refuses a name that is taken, or lies in a folder that is not there: what [`open`](Self::open) finds too, but before
    /// there is anything to write. A folder of frames is looked at when it is opened.
    ///
    /// # Errors
    /// [`MediaError::Exists`], [`MediaError::NoFolder`].
    pub fn check_name(&self, overwrite: bool) -> Result<(), MediaError> {
        if matches!(self.kind, OutputKind::FrameFolder | OutputKind::FramePattern) {
            return Ok(());
        }
        check_parent(&self.path)?;
        if !overwrite && self.path.exists() { Err(exists(&self.path)) } else { Ok(()) }
    }

    pub(crate) fn check_size(&self, format: &VideoFormat) -> Result<(), MediaError> {
        let (width, height) = (format.width, format.height);
        let wrong =
            |problem: String, hint: &'static str| Err(MediaError::FrameSize { path: self.path.clone(), problem, hint });
        let is_video = self.kind.size_multiple() == 2;
        let (least, most) = if is_video { (16, 8192) } else { (1, 16384) };
        if width.min(height) < least || width.max(height) > most {
            let problem = format!("frames are {width}x{height}; {} takes {least}x{least} to {most}x{most}", self.kind);
            return wrong(problem, "choose another --size");
        }
        if is_video && (width % 2 != 0 || height % 2 != 0) {
            let problem = format!("frames are {width}x{height}; {} needs an even width and height", self.kind);
            return wrong(problem, "round the size before rendering");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use moue_timeline::FrameRate;

    use super::*;

    fn kind(name: &str) -> OutputKind {
        Output::parse(name).unwrap().kind()
    }

    #[test]
    fn the_name_tells_the_kind() {
        assert_eq!(kind("a.mp4"), OutputKind::Mp4);
        assert_eq!(kind("dir.d/A.MKV"), OutputKind::Mkv);
        assert_eq!(kind("a.webm"), OutputKind::Webm);
        assert_eq!(kind("a.gif"), OutputKind::Gif);
        assert_eq!(kind("a.png"), OutputKind::ContactSheet);
        assert_eq!(kind("a/%05d.png"), OutputKind::FramePattern);
        assert_eq!(kind("frames"), OutputKind::FrameFolder);
        assert_eq!(kind("v1.2/"), OutputKind::FrameFolder);
        assert_eq!(kind("."), OutputKind::FrameFolder);
    }

    #[test]
    fn other_names_are_refused_with_a_hint() {
        let text = |name: &str| Output::parse(name).unwrap_err().to_string();
        for name in ["rtmp://localhost/live", "https://example.org/a.mp4", "SRT://x"] {
            assert!(text(name).contains("expected a file, found an address"), "{}", text(name));
        }
        for (name, part) in [
            ("", "empty"),
            ("a.avi", "'.avi'"),
            ("file:///a.mp4", "path alone"),
            ("a.mp4/", "folder"),
            ("%05d.jpg", "png"),
            ("%05d_%05d.png", "one"),
            ("%s.png", "%05d"),
            ("%05d/a.png", "folder"),
        ] {
            assert!(text(name).contains(part) && text(name).contains("\nhint: "), "{name}: {}", text(name));
        }
    }

    #[test]
    fn sizes_and_settings_that_do_not_suit_are_refused_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str, width, height, settings: &str| {
            let output = Output::parse(folder.path().join(name).to_str().unwrap()).unwrap();
            let format = VideoFormat::new(width, height, FrameRate::FPS_25);
            let opened = output.open(&format, &serde_json::from_str(settings).unwrap(), false);
            opened.err().expect("refused").to_string()
        };
        assert!(open("a.mp4", 511, 512, "{}").contains("even width"));
        assert!(open("a.webm", 512, 513, "{}").contains("513"));
        assert!(open("a.mp4", 8, 512, "{}").contains("16x16"));
        assert!(open("a.mp4", 16384, 512, "{}").contains("8192"));
        assert!(open("a.gif", 0, 1, "{}").contains("1x1"));
        assert!(open("a.mp4", 64, 64, r#"{"codec": "vp9"}"#).contains("MP4 cannot hold VP9"));
        assert!(open("a.mkv", 64, 64, r#"{"crf": 60}"#).contains("0 to 50"));
        assert!(open("a.mkv", 64, 64, r#"{"codec": "ffv1", "crf": 0}"#).contains("lossless"));
        assert!(open("a.mkv", 64, 64, r#"{"fragmented": true}"#).contains("no fragments"));
        assert!(open("a.webm", 64, 64, r#"{"encoder": "x264"}"#).contains("not VP9"));
        elements::start().unwrap();
        if !is_nvenc_here() {
            assert!(open("a.mp4", 64, 64, r#"{"encoder": "nvenc"}"#).contains("no NVIDIA card"));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
