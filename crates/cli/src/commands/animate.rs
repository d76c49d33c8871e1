//! `moue animate`

use std::path::{Path, PathBuf};

use moue_animation::{
    AnimateJob, AnimationError, AskedConditioning, Compose, DiffusionError, DriverReport, Fidelity, Framing, HEAD_SIDE,
    Keyframing, LiveSummary, MotionJob, Painting, Precision, PresetError, PresetKeyframes, PresetPainting,
    QueueSummary, RendererKind, RunPreset, Size, StageSummary, Summary, animate as run,
};
use moue_engine::CancelToken;
use moue_media::MediaError;
use moue_timeline::{FrameRate, Interpolation, counted};

use super::outputs::Outputs;
use super::{Outcome, Stop, motion};
use crate::{
    args::{AnimateArgs, Global, InterpolationArg, MixingArgs, PaintingArgs, PrecisionArg, RendererArg},
    exit, interrupt,
    printer::{Printer, strong},
    progress::{Progress, speed},
};

/// Fidelity below which a channel is worth a look, shown in the table.
const GOOD_CORRELATION: f64 = 0.9;

pub fn animate(args: &AnimateArgs, global: &Global, printer: Printer) -> Outcome {
    let preset = args.pipeline.as_deref().map(RunPreset::load).transpose().map_err(preset_error)?;
    let job = job(args, preset.as_ref())?;
    let token = interrupt::token(printer, interrupt::FINISHING)?;
    let progress = Progress::of(printer, global.verbose > 0, &job);
    let outcome = run(&job, &progress, &token);
    progress.end();
    let summary = outcome.map_err(|error| classify(error, &token))?;
    if global.verbose > 0 {
        statistics(&summary.stages, &summary.queues, &summary.live, printer);
    }
    report(&summary, args.json, printer);
    Ok(match () {
        () if !summary.failures.is_empty() => exit::FAILED,
        () if summary.interrupted => exit::INTERRUPTED,
        () => exit::DONE,
    })
}

/// Options, then the preset, then defaults.
fn job(args: &AnimateArgs, preset: Option<&RunPreset>) -> Result<AnimateJob, Stop> {
    let rate = args.fps.or(preset.and_then(|p| p.fps.as_ref()).map(|fps| fps.0)).unwrap_or(FrameRate::FPS_25);
    let (start, end) = motion::range(args.start.as_ref(), args.end.as_ref(), Some(rate))?;
    let renderer = match args.renderer {
        Some(RendererArg::Mesh) => Some(RendererKind::Mesh),
        Some(RendererArg::Diffusion) => Some(RendererKind::Diffusion),
        Some(RendererArg::Mixed) => Some(RendererKind::Mixed),
        None => preset.and_then(|p| p.renderer).map(Into::into),
    }
    .unwrap_or_default();
    let framing = args.framing.or(preset.and_then(|p| p.framing.as_ref()).map(|f| f.0));
    // A painted face is a square by itself; in more of the picture than that, it is in the picture.
    let paints = renderer != RendererKind::Mesh;
    let compose = args.painting.compose.or(preset.and_then(|p| p.compose.as_ref()).map(|compose| compose.0));
    let compose = compose.unwrap_or(match framing {
        Some(Framing::Whole | Framing::Head) if paints => Compose::Paste,
        _ => Compose::Crop,
    });
    let framing = framing.unwrap_or(match compose {
        Compose::Crop if paints => Framing::Face,
        _ => Framing::Whole,
    });
    let usual = preset.and_then(|p| p.keyframes.as_ref()).and_then(PresetKeyframes::keyframing);
    let keyframes = keyframing(&args.mixing).or(usual.filter(|_| renderer == RendererKind::Mixed));
    let default_size = match framing {
        // A painted square's own size is that of the networks.
        Framing::Whole | Framing::Face => Size::Source,
        Framing::Head => Size::Pixels { width: HEAD_SIDE, height: HEAD_SIDE },
    };
    let interpolation = match args.interpolation {
        Some(InterpolationArg::Linear) => Some(Interpolation::Linear),
        Some(InterpolationArg::MonotoneCubic) => Some(Interpolation::MonotoneCubic),
        None => preset.and_then(|p| p.interpolation).map(Into::into),
    };
    let Outputs { files, raw, live, .. } = outputs(args, preset)?;
    let job = AnimateJob {
        portrait: args.portrait.clone(),
        face: args.face,
        motion: {
            let usual = preset.and_then(|p| p.smoothing.as_ref()).map(|smoothing| smoothing.0);
            let job = motion::motion_job(&args.motion, &args.reading, Some(&args.shaping))?;
            MotionJob { smoothing: job.smoothing.or(usual), ..job }
        },
        start,
        end,
        mute: args.no_sound,
        interpolation: interpolation.unwrap_or_default(),
        gains: args
            .shaping
            .gain
            .clone()
            .or_else(|| preset.and_then(|p| p.gain.as_ref()).map(|gain| gain.0.clone()))
            .unwrap_or_default(),
        relative: args.relative || preset.and_then(|p| p.relative).unwrap_or(false),
        rate,
        frames: args.frames,
        framing,
        size: args.size.or(preset.and_then(|p| p.size.as_ref()).map(|size| size.0)).unwrap_or(default_size),
        renderer,
        device: args.device,
        seed: args.seed.or(preset.and_then(|p| p.seed)).unwrap_or(0),
        painting: Painting {
            keyframes: args.keyframes.clone(),
            ..painting(
                &args.painting,
                &args.reading.models,
                preset.and_then(|p| p.diffusion.as_ref()).filter(|_| paints),
            )
        },
        compose,
        keyframes,
        outputs: files,
        raw,
        live,
        overwrite: args.overwrite,
        measure_every: args.measure,
        workers: args.threads.map(usize::from),
    };
    // What is wrong with the options alone is said before any file is touched.
    job.check().map_err(Stop::usage)?;
    motion::check_video_options(std::slice::from_ref(&job.motion), job.mute)?;
    Ok(job)
}

/// Which frames the renderer mesh+diffusion paints, where it was said.
pub fn keyframing(args: &MixingArgs) -> Option<Keyframing> {
    let share = args.share.map(|share| Keyframing::Share(share.0));
    let every = args.every.map(|every| Keyframing::Every(every as usize));
    args.within.map(Keyframing::Within).or(share).or(every)
}

/// How the diffusion renderer paints: options, then the preset.
pub fn painting(args: &PaintingArgs, models: &Option<PathBuf>, preset: Option<&PresetPainting>) -> Painting {
    let models = models.clone();
    let precision = |precision| match precision {
        PrecisionArg::F32 => Precision::F32,
        PrecisionArg::F16 => Precision::F16,
        PrecisionArg::Bf16 => Precision::Bf16,
    };
    let usual = preset.map(PresetPainting::conditioning).unwrap_or_default();
    Painting {
        models,
        scheduler: args.scheduler.or(preset.and_then(|p| p.scheduler.as_ref()).map(|scheduler| scheduler.0)),
        steps: args.steps.or(preset.and_then(|p| p.steps)),
        guidance: args.guidance.or(preset.and_then(|p| p.guidance)),
        expression_scale: args.expression_scale.or(preset.and_then(|p| p.expression_scale)),
        reference_scale: args.reference_scale.or(preset.and_then(|p| p.reference_scale)),
        no_reference: args.no_reference,
        side: args.paint_size.or(preset.and_then(|p| p.paint_size)),
        detail: args.detail.or(preset.and_then(|p| p.detail).map(|detail| detail as f32)).unwrap_or(0.0),
        conditioning: AskedConditioning {
            noise: args.conditioning.noise.or(usual.noise),
            history: args.conditioning.history.or(usual.history),
            history_weight: args.conditioning.history_weight.or(usual.history_weight),
            keyframe_distance: args.conditioning.keyframe_distance.or(usual.keyframe_distance),
            start_strength: args.conditioning.start_strength.or(usual.start_strength),
        },
        keyframes: None,
        batch: args.batch.map(usize::from),
        precision: args.dtype.map(precision),
    }
}

/// Options, then the preset.
fn outputs(args: &AnimateArgs, preset: Option<&RunPreset>) -> Result<Outputs, Stop> {
    let mut outputs = Outputs::new(&args.watching)?;
    outputs.live.is_repeating |= preset.and_then(|preset| preset.repeat).unwrap_or(false);
    outputs.live.has_inset = args.inset;
    if args.outputs.is_empty() {
        for output in preset.map(RunPreset::outputs).unwrap_or_default() {
            outputs.add(&output.to.fill(&args.portrait, Path::new(&args.motion)), |_| Some(output))?;
        }
    }
    for name in &args.outputs {
        outputs.add(name, |kind| preset.and_then(|preset| preset.output_like(kind)))?;
    }
    outputs.check_fail_fast()?;
    // A preset that repeats is none where nobody watches: files get the motion once.
    outputs.live.is_repeating &= args.watching.repeat || outputs.live.is_live();
    Ok(outputs)
}

fn preset_error(error: PresetError) -> Stop {
    match error {
        PresetError::Wrong(diagnostics) => Stop::usage(diagnostics),
        error => Stop::usage(error),
    }
}

/// Which exit code an error deserves: most are failures, some are the command line's fault, found out late.
fn classify(error: AnimationError, token: &CancelToken) -> Stop {
    let code = match &error {
        AnimationError::Interrupted => exit::INTERRUPTED,
        _ if token.is_aborting() => exit::INTERRUPTED,
        AnimationError::Span { .. }
        | AnimationError::Frames { .. }
        | AnimationError::Conditioning { .. }
        | AnimationError::Option { .. }
        | AnimationError::NoRest { .. }
        | AnimationError::NoSuchFace { .. }
        | AnimationError::SourceSize { .. }
        | AnimationError::LiveSource { .. } => exit::USAGE,
        AnimationError::Diffusion(error) if matches!(**error, DiffusionError::Value { .. }) => exit::USAGE,
        AnimationError::Media(MediaError::Settings { .. } | MediaError::FrameSize { .. }) => exit::USAGE,
        _ => exit::FAILED,
    };
    Stop { error: error.into(), code }
}

fn report(summary: &Summary, json: bool, printer: Printer) {
    for output in &summary.outputs {
        printer.say(&wrote(&output.path, output.frames, output.bytes));
    }
    streamed(&summary.live).for_each(|line| printer.say(&line));
    if let Some(driver) = &summary.motion.driver {
        let DriverReport { frames, frames_without_face, dropped, latency_ms: [mean, most], .. } = driver;
        printer.say(&format!(
            "{} {}, {} ({frames_without_face} without a face, {dropped} dropped), shown {mean:.0} ms after \
             they came, at most {most:.0} ms",
            strong("followed"),
            summary.motion.path,
            counted(*frames, "frame")
        ));
    }
    let [width, height] = summary.size;
    printer.say(&format!(
        "{} of {width}x{height} in {:.1} s, {}",
        counted(summary.frames, "frame"),
        summary.seconds,
        speed(summary.fps)
    ));
    if json {
        // A summary is numbers and strings: it always has a JSON form.
        printer.data(&serde_json::to_string_pretty(summary).unwrap_or_default());
    } else if let Some(fidelity) = &summary.fidelity {
        printer.data(&table(fidelity));
    }
}

/// Where the time went: stages, what waited between them, and streams.
pub fn statistics(stages: &[StageSummary], queues: &[QueueSummary], live: &[LiveSummary], printer: Printer) {
    for stage in stages {
        let whole = (stage.busy + stage.waited).max(1e-9);
        let threads = if stage.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", stage.threads) };
        let (busy, seconds) = (100.0 * stage.busy / whole, stage.busy);
        printer.say(&format!("  {:<24} {threads:>10}, busy {busy:3.0} % ({seconds:.2} s)", stage.name));
    }
    for queue in queues {
        printer.say(&format!("  queue {:<18} at most {} of {}", queue.name, queue.most, queue.capacity));
    }
    for leg in live {
        let LiveSummary { output, frames, sent, repeated, dropped, skipped, attempts, encoding, .. } = leg;
        printer.say(&format!(
            "  {output}: {frames} frames in, {sent} out, {repeated} repeated, {dropped} dropped, {skipped} skipped; \
             {attempts} attempts; {encoding:.2} s of encoding"
        ));
    }
}

/// What became of a stream, in a line.
pub fn streamed(live: &[LiveSummary]) -> impl Iterator<Item = String> {
    // Of a stream that never was, there is only its failure to tell.
    let streams = live.iter().filter(|leg| leg.failure.is_none() || leg.sessions > 0);
    streams.map(|LiveSummary { output, sent, repeated, dropped, sessions, bytes, .. }| {
        let (sent, sessions) = (counted(*sent, "frame"), counted(*sessions, "session"));
        let (streamed, bytes) = (strong("streamed"), size(*bytes));
        format!("{streamed} {output}, {sent} ({repeated} repeated, {dropped} dropped), {sessions}, {bytes}")
    })
}

/// What was asked against what was measured, the channels that moved first.
fn table(fidelity: &Fidelity) -> String {
    let mut text = format!(
        "measured {} (every {}), {} without a face\n{:<20}{:>14}{:>14}{:>8}{:>8}{:>10}",
        counted(fidelity.frames, "frame"),
        fidelity.every,
        fidelity.frames_without_face,
        "shape",
        "asked",
        "measured",
        "corr.",
        "slope",
        "mean err"
    );
    let (moved, still): (Vec<_>, Vec<_>) = fidelity.channels.iter().partition(|channel| channel.slope.is_some());
    for channel in moved {
        let range = |[from, to]: [f64; 2]| format!("{from:.2}..{to:.2}");
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        let mark = if channel.correlation.is_none_or(|value| value < GOOD_CORRELATION) { "  *" } else { "" };
        text += &format!(
            "\n{:<20}{:>14}{:>14}{:>8}{:>8}{:>10.3}{mark}",
            channel.name,
            range(channel.asked),
            range(channel.measured),
            number(channel.correlation),
            number(channel.slope),
            channel.mean_abs_error
        );
    }
    let drift = still.iter().map(|channel| channel.mean_abs_error).sum::<f64>() / still.len().max(1) as f64;
    text + &format!(
        "\n{} shapes were not asked to move; their mean error is {drift:.3}\n* correlation below {GOOD_CORRELATION}",
        still.len()
    )
}

/// An output that is there; what goes elsewhere than into files has no bytes.
pub fn wrote(path: &str, frames: u64, bytes: u64) -> String {
    let bytes = if bytes > 0 { format!(", {}", size(bytes)) } else { String::new() };
    format!("{} {path}, {}{bytes}", strong("wrote"), counted(frames, "frame"))
}

/// A file's size for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use moue_animation::NoiseMode;
    use moue_media::EncoderSettings;

    use super::*;
    use crate::args::{Cli, Command};

    fn parsed(extra: &[&str]) -> AnimateArgs {
        let line = ["moue", "animate", "me.png", "take.csv"].into_iter().chain(extra.iter().copied());
        match Cli::try_parse_from(line).unwrap().command {
            Command::Animate(args) => *args,
            _ => unreachable!(),
        }
    }

    #[test]
    fn options_come_before_the_preset_and_the_preset_before_defaults() {
        let preset = RunPreset::parse(
            "p.yaml",
            "moue: 1\nframing: head\nfps: 30\nrelative: true\noutputs:\n- to: '{portrait}.mp4'\n  encoder: {crf: 30}\n",
        )
        .unwrap();
        let from_preset = job(&parsed(&[]), Some(&preset)).unwrap();
        assert_eq!((from_preset.rate, from_preset.framing), (FrameRate::FPS_30, Framing::Head));
        assert_eq!(from_preset.size, Size::Pixels { width: HEAD_SIDE, height: HEAD_SIDE });
        assert_eq!(from_preset.outputs[0].0.path().to_str(), Some("me.mp4"));
        assert!(from_preset.relative);

        let options = ["--fps", "50", "--framing", "whole", "-o", "x.mp4", "-o", "x.gif"];
        let overridden = job(&parsed(&options), Some(&preset)).unwrap();
        assert_eq!((overridden.rate.fps(), overridden.framing, overridden.size), (50.0, Framing::Whole, Size::Source));
        assert_eq!(overridden.outputs.len(), 2);
        assert_eq!(overridden.outputs[0].1, preset.outputs()[0].file_settings(), "same kind, same encoder");
        assert_eq!(overridden.outputs[1].1, EncoderSettings::default());
    }

    #[test]
    fn a_preset_says_how_frames_are_painted_and_which() {
        let preset = RunPreset::parse(
            "p.yaml",
            "moue: 1\nrenderer: mesh+diffusion\nkeyframes: {share: 1/4}\ndiffusion:\n  noise: carried\n  detail: 0.5\n\
             \x20 start_strength: 0.5\noutputs: [a.mp4]\n",
        )
        .unwrap();
        let job = |options: &[&str]| job(&parsed(options), Some(&preset)).unwrap();
        let from_preset = job(&["--compose", "paste"]);
        assert_eq!(from_preset.keyframes, Some(Keyframing::Share(0.25)));
        assert_eq!(from_preset.painting.detail, 0.5);
        let conditioning = from_preset.painting.conditioning;
        assert_eq!((conditioning.noise, conditioning.start_strength), (Some(NoiseMode::Carried), Some(0.5)));

        let overridden = job(&["--compose", "paste", "--noise", "shared", "--every", "3"]);
        assert_eq!(overridden.keyframes, Some(Keyframing::Every(3)));
        let conditioning = overridden.painting.conditioning;
        assert_eq!((conditioning.noise, conditioning.start_strength), (Some(NoiseMode::Shared), Some(0.5)));

        // What is for painting is left out where nothing is painted.
        let drawn = job(&["--renderer", "mesh"]);
        assert_eq!((drawn.keyframes, drawn.painting.detail), (None, 0.0));
    }

    #[test]
    fn a_painted_face_in_more_of_the_picture_than_the_square_is_pasted() {
        let job = |more: &[&str]| {
            let job = job(&parsed(&[&["-o", "x.mp4", "--renderer", "diffusion"], more].concat()), None).unwrap();
            (job.compose, job.framing, job.size)
        };
        let square = Size::Pixels { width: HEAD_SIDE, height: HEAD_SIDE };
        assert_eq!(job(&[]), (Compose::Crop, Framing::Face, Size::Source));
        assert_eq!(job(&["--compose", "paste"]), (Compose::Paste, Framing::Whole, Size::Source));
        assert_eq!(job(&["--framing", "whole"]), (Compose::Paste, Framing::Whole, Size::Source));
        assert_eq!(job(&["--framing", "head"]), (Compose::Paste, Framing::Head, square));
    }

    #[test]
    fn times_may_be_frames_of_the_rate() {
        let job = job(&parsed(&["-o", "x.mp4", "--fps", "50", "--start", "25f", "--end", "1.5s"]), None).unwrap();
        assert_eq!((job.start, job.end), (Some(0.5), Some(1.5)));
    }

    #[test]
    fn what_is_wrong_with_the_options_alone_is_a_usage_error() {
        for (options, expected) in [
            (&["-o", "a.mp4", "-o", "./a.mp4"][..], "named twice"),
            (&["-o", "a.avi"], "avi"),
            (&["-o", "rtmp://127.0.0.1/live"], "stream key"),
            (&["-o", "https://example.org/a.mp4"], "nothing is streamed by 'https'"),
            (&["-o", "a.mp4", "--loop"], "--loop is for live outputs"),
            (&["-o", "a.mp4", "--inset"], "--inset is for live outputs"),
            (&["-o", "a.mp4", "--fail-fast"], "--fail-fast is for live outputs"),
            (&["-o", "a.mp4", "--renderer", "diffusion", "--relative"], "--relative does not go with the diffusion"),
            (
                &["-o", "a.mp4", "--renderer", "diffusion", "--framing", "head", "--compose", "crop"],
                "--framing whole or head does not go with --compose crop",
            ),
            (
                &["-o", "a.mp4", "--renderer", "diffusion", "--framing", "face", "--compose", "paste"],
                "--framing face does not go with --compose paste",
            ),
            (&["-o", "a.mp4", "--renderer", "diffusion", "--paint-size", "64"], "--paint-size does not go with"),
            (
                &["-o", "a.mp4", "--renderer", "diffusion", "--share", "1/4"],
                "--every, --share or --within does not go with the diffusion renderer",
            ),
            (&["-o", "a.mp4", "--compose", "paste"], "--compose paste does not go with the mesh"),
            (&["-o", "a.mp4", "--framing", "face"], "--framing face does not go with the mesh"),
            (&["-o", "a.mp4", "--steps", "4"], "--steps does not go with the mesh"),
            (&["-o", "a.mp4", "--noise", "carried"], "--noise does not go with the mesh"),
            (&["-o", "a.mp4", "--device", "cuda:0"], "runs on the CPU"),
            (&["-o", "a.mp4", "--start", "2s", "--end", "1s"], "is not before"),
            (&["-o", "a.mp4", "--start", "soon"], "--start: time 'soon'"),
            (&[], "no output given"),
        ] {
            let stop = job(&parsed(options), None).unwrap_err();
            assert_eq!(stop.code, exit::USAGE, "{options:?}");
            assert!(stop.error.to_string().contains(expected), "{options:?}: {}", stop.error);
        }
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(
            [size(12), size(12_345), size(7_654_321), size(2_500_000_000)],
            ["12 bytes", "12.3 kB", "7.7 MB", "2.50 GB"]
        );
    }
}
