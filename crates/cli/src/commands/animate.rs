//! `moue animate`

use anyhow::anyhow;
use moue_animation::{
    AnimateJob, AnimationError, DiffusionError, Fidelity, Framing, HEAD_SIDE, Painting, Precision, PresetError,
    RendererKind, RunPreset, Size, Summary, animate as run,
};
use moue_engine::CancelToken;
use moue_media::{EncoderSettings, MediaError, Output};
use moue_timeline::{FrameRate, Interpolation, parse_time};

use super::{Outcome, Stop};
use crate::{
    args::{AnimateArgs, Global, InterpolationArg, PrecisionArg, RendererArg},
    exit, interrupt,
    printer::{Printer, strong},
    progress::{Progress, speed},
};

/// Fidelity below which a channel is worth a look, shown in the table.
const GOOD_CORRELATION: f64 = 0.9;

pub fn animate(args: &AnimateArgs, global: &Global, printer: Printer) -> Outcome {
    let preset = args.pipeline.as_deref().map(RunPreset::load).transpose().map_err(preset_error)?;
    let job = job(args, preset.as_ref())?;
    let token = interrupt::token(printer)?;
    let progress = Progress::new(printer, global.verbose > 0, &job);
    let outcome = run(&job, &progress, &token);
    progress.end();
    let summary = outcome.map_err(|error| classify(error, &token))?;
    report(&summary, args.json, printer);
    Ok(if summary.interrupted { exit::INTERRUPTED } else { exit::DONE })
}

/// Options, then the preset, then defaults.
fn job(args: &AnimateArgs, preset: Option<&RunPreset>) -> Result<AnimateJob, Stop> {
    let rate = args.fps.or(preset.and_then(|p| p.fps.as_ref()).map(|fps| fps.0)).unwrap_or(FrameRate::FPS_25);
    let time = |option: &str, text: &Option<String>| {
        let parse =
            |text: &String| parse_time(text, Some(rate)).map_err(|error| Stop::usage(anyhow!("{option}: {error}")));
        text.as_ref().map(parse).transpose()
    };
    let (start, end) = (time("--start", &args.start)?, time("--end", &args.end)?);
    if let (Some(from), Some(to)) = (start, end)
        && from >= to
    {
        return Err(Stop::usage(anyhow!(
            "--start {from} s is not before --end {to} s\nhint: both are times from the motion's start"
        )));
    }
    let renderer = match args.renderer {
        Some(RendererArg::Mesh) => Some(RendererKind::Mesh),
        Some(RendererArg::Diffusion) => Some(RendererKind::Diffusion),
        None => preset.and_then(|p| p.renderer),
    }
    .unwrap_or_default();
    let framing = args.framing.or(preset.and_then(|p| p.framing.as_ref()).map(|f| f.0));
    let framing = framing.unwrap_or(match renderer {
        RendererKind::Mesh => Framing::Whole,
        RendererKind::Diffusion => Framing::Face,
    });
    let default_size = match framing {
        Framing::Whole => Size::Source,
        Framing::Head | Framing::Face => Size::Pixels { width: HEAD_SIDE, height: HEAD_SIDE },
    };
    let interpolation = match args.interpolation {
        Some(InterpolationArg::Linear) => Some(Interpolation::Linear),
        Some(InterpolationArg::MonotoneCubic) => Some(Interpolation::MonotoneCubic),
        None => preset.and_then(|p| p.interpolation).map(Into::into),
    };
    let job = AnimateJob {
        portrait: args.portrait.clone(),
        face: args.face,
        motion: args.motion.clone(),
        motion_rate: args.motion_fps,
        start,
        end,
        interpolation: interpolation.unwrap_or_default(),
        gains: args
            .gain
            .clone()
            .or_else(|| preset.and_then(|p| p.gain.as_ref()).map(|gain| gain.0.clone()))
            .unwrap_or_default(),
        relative: args.relative || preset.and_then(|p| p.relative).unwrap_or(false),
        rate,
        framing,
        size: args.size.or(preset.and_then(|p| p.size.as_ref()).map(|size| size.0)).unwrap_or(default_size),
        renderer,
        device: args.device,
        seed: args.seed.or(preset.and_then(|p| p.seed)).unwrap_or(0),
        painting: painting(args, preset),
        outputs: outputs(args, preset)?,
        overwrite: args.overwrite,
        measure_every: args.measure,
        workers: args.threads.map(usize::from),
    };
    // What is wrong with the options alone is said before any file is touched.
    job.check().map_err(Stop::usage)?;
    Ok(job)
}

fn painting(args: &AnimateArgs, preset: Option<&RunPreset>) -> Painting {
    let preset = preset.map(|preset| preset.diffusion.clone()).unwrap_or_default();
    let args = &args.painting;
    let precision = |precision| match precision {
        PrecisionArg::F32 => Precision::F32,
        PrecisionArg::F16 => Precision::F16,
        PrecisionArg::Bf16 => Precision::Bf16,
    };
    Painting {
        models: args.models.clone(),
        scheduler: args.scheduler.or(preset.scheduler.map(|written| written.0)),
        steps: args.steps.or(preset.steps),
        guidance: args.guidance.or(preset.guidance),
        expression_scale: args.expression_scale.or(preset.expression_scale),
        reference_scale: args.reference_scale.or(preset.reference_scale),
        no_reference: args.no_reference,
        batch: args.batch.map(usize::from),
        precision: args.dtype.map(precision),
    }
}

fn outputs(args: &AnimateArgs, preset: Option<&RunPreset>) -> Result<Vec<(Output, EncoderSettings)>, Stop> {
    let parse = |name: &str| Output::parse(name).map_err(Stop::usage);
    if args.outputs.is_empty() {
        let outputs = preset.map(|preset| preset.outputs.as_slice()).unwrap_or_default();
        let fill = |to: &moue_animation::OutputTemplate| to.fill(&args.portrait, &args.motion);
        return outputs.iter().map(|output| Ok((parse(&fill(&output.to.0))?, output.encoder))).collect();
    }
    let settings = |output: &Output| preset.and_then(|preset| preset.encoder_for(output.kind())).unwrap_or_default();
    let outputs = args.outputs.iter().map(|name| parse(name).map(|output| (settings(&output), output)));
    outputs.map(|pair| pair.map(|(settings, output)| (output, settings))).collect()
}

fn preset_error(error: PresetError) -> Stop {
    Stop::usage(error)
}

/// Which exit code an error deserves: most are failures, some are the command line's fault, found out late.
fn classify(error: AnimationError, token: &CancelToken) -> Stop {
    let code = match &error {
        AnimationError::Interrupted => exit::INTERRUPTED,
        _ if token.is_aborting() => exit::INTERRUPTED,
        AnimationError::Span { .. } | AnimationError::NoSuchFace { .. } | AnimationError::SourceSize { .. } => {
            exit::USAGE
        }
        AnimationError::Diffusion(error) if matches!(**error, DiffusionError::Value { .. }) => exit::USAGE,
        AnimationError::Media(MediaError::Settings { .. } | MediaError::FrameSize { .. }) => exit::USAGE,
        _ => exit::FAILED,
    };
    Stop { error: error.into(), code }
}

fn report(summary: &Summary, json: bool, printer: Printer) {
    for output in &summary.outputs {
        let text = format!("{} {}, {} frames, {}", strong("wrote"), output.path, output.frames, size(output.bytes));
        printer.say(&text);
    }
    let [width, height] = summary.size;
    printer.say(&format!(
        "{} frames of {width}x{height} in {:.1} s, {}",
        summary.frames,
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

/// What was asked against what was measured, the channels that moved first.
fn table(fidelity: &Fidelity) -> String {
    let mut text = format!(
        "measured {} frames (every {}), {} without a face\n{:<20}{:>14}{:>14}{:>8}{:>8}{:>10}",
        fidelity.frames,
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

/// A file's size for people.
fn size(bytes: u64) -> String {
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
        assert_eq!(overridden.outputs[0].1, preset.outputs[0].encoder, "same kind, same encoder");
        assert_eq!(overridden.outputs[1].1, EncoderSettings::default());
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
            (&["-o", "rtmp://127.0.0.1/live"], "network outputs come later"),
            (&["-o", "a.mp4", "--renderer", "diffusion", "--relative"], "--relative does not go with the diffusion"),
            (&["-o", "a.mp4", "--renderer", "diffusion", "--framing", "head"], "--framing does not go with"),
            (&["-o", "a.mp4", "--framing", "face"], "--framing face does not go with the mesh"),
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
