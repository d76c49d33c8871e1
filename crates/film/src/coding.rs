//! How pieces are encoded.

use moue_media::{Codec, EncoderSettings, Output, OutputKind};

/// How the pieces of an output are encoded.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Coding {
    codec: Codec,
    settings: EncoderSettings,
}

impl Coding {
    /// Of an output with these settings; nothing where it takes frames as they are.
    pub fn of(output: &Output, settings: &EncoderSettings) -> Option<Self> {
        let codec = match output.kind() {
            OutputKind::Mp4 => Codec::H264,
            OutputKind::Mkv => settings.codec.unwrap_or(Codec::H264),
            OutputKind::Webm => Codec::Vp9,
            _ => return None,
        };
        Some(Self::new(codec, settings))
    }

    /// In a codec, with what else the settings say.
    pub fn new(codec: Codec, settings: &EncoderSettings) -> Self {
        Self { codec, settings: EncoderSettings { codec: Some(codec), ..*settings } }
    }

    /// What the encoder is told.
    pub fn settings(&self) -> &EncoderSettings {
        &self.settings
    }

    /// The codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }
}
