//! What `-o` names.

use moue_animation::{AnimationError, LiveJob, PresetOutput, PreviewAddress, Target, TargetKind};
use moue_media::{EncoderSettings, LiveSettings, Output, RawOutput};

use super::Stop;
use crate::args::WatchingArgs;

/// What `-o` names, sorted by what is done with it.
#[derive(Default)]
pub struct Outputs {
    /// Files and folders, and how they are encoded.
    pub files: Vec<(Output, EncoderSettings)>,
    /// Outputs in GStreamer's own words.
    pub raw: Vec<RawOutput>,
    /// What is watched meanwhile.
    pub live: LiveJob,
    fail_fast: bool,
}

impl Outputs {
    /// None yet.
    pub fn new(args: &WatchingArgs) -> Result<Self, Stop> {
        let metrics = args.metrics.as_deref().map(PreviewAddress::parse_host_and_port).transpose();
        let live = LiveJob { is_repeating: args.repeat, metrics: metrics.map_err(Stop::usage)?, ..LiveJob::default() };
        Ok(Self { live, fail_fast: args.fail_fast, ..Self::default() })
    }

    /// Refuses `--fail-fast` where nothing is live.
    pub fn check_fail_fast(&self) -> Result<(), Stop> {
        if self.fail_fast && !self.live.is_live() {
            return Err(Stop::usage(AnimationError::NothingLive { option: "--fail-fast" }));
        }
        Ok(())
    }

    /// One more. It is encoded as `like` says, which is asked for its kind.
    pub fn add<'a>(
        &mut self,
        name: &str,
        like: impl FnOnce(TargetKind) -> Option<&'a PresetOutput>,
    ) -> Result<(), Stop> {
        let target = Target::parse(name).map_err(Stop::usage)?;
        let like = like(target.kind());
        match target {
            Target::File(output) => {
                let settings = like.map(PresetOutput::file_settings).unwrap_or_default();
                self.files.push((output, settings));
            }
            Target::Stream(output) => {
                let settings = like.map(PresetOutput::live_settings).unwrap_or_default();
                self.live.streams.push((output, LiveSettings { fail_fast: self.fail_fast, ..settings }));
            }
            Target::Page(address) => {
                if let Some(first) = &self.live.page {
                    return Err(Stop::usage(anyhow::anyhow!(
                        "found a second preview page, {address} beside {first}\nhint: one page serves any number of browsers"
                    )));
                }
                self.live.page = Some(address);
            }
            Target::Raw(raw) => self.raw.push(raw),
        }
        Ok(())
    }
}
