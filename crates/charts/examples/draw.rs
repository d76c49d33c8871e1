//! Draws every kind of page: `cargo run -p moue-charts --example draw -- examples/tracks FOLDER`.
//!
//! Curves of all tracks in the first folder, and of made ones; comparisons with a made measurement.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;
use moue_charts::{
    Absence, ChannelFigures, Comparison, ComparisonSheet, CurveSheet, FilmColumn, FilmStrip, Headline, Order, Page,
    ReportSheet, Stretch, Strip, comparison, curves, report,
};
use moue_timeline::{Channel, FrameRate, Interpolation, Track};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(tracks), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("give the folder of the tracks and the folder for the pictures".into());
    };
    fs::create_dir_all(&out)?;
    let portrait = image::open(tracks.join("../portraits/astronaut.png"))?.to_rgb8();
    let mut paths: Vec<PathBuf> = fs::read_dir(&tracks)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
    paths.sort();
    for path in &paths {
        let loaded = moue_tracks::read(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (track, rows) = (&loaded.track, loaded.track.times().len());
        let sheet = CurveSheet {
            title: format!("{name}.csv"),
            summary: format!(
                "{}, {:.1} s, {rows} rows, {} channels. {}",
                loaded.format,
                track.duration(),
                track.channels().len(),
                loaded.notes.join(". ")
            ),
            track,
            stretches: Vec::new(),
            film: FilmStrip::default(),
        };
        save(&curves(&sheet), &out, &format!("curves_{name}"))?;
    }
    let driven = driven(150.0, 30.0)?;
    let stretches = vec![
        Stretch { start: 31.0, end: 34.5, reason: Absence::NoFace },
        Stretch { start: 80.0, end: 80.1, reason: Absence::NoFace },
        Stretch { start: 118.0, end: 121.0, reason: Absence::MissingRows },
    ];
    let sheet = CurveSheet {
        title: "driving.mp4".to_owned(),
        summary:
            "Tracked from video, 1920x1080 at 30 frames per second, 150 s, 4,500 frames; FLAME and head, no sound."
                .to_owned(),
        track: &driven,
        stretches: stretches.clone(),
        film: FilmStrip::of((0..40).map(|i| (f64::from(i) * 3.75, shaded(&portrait, i)))),
    };
    save(&curves(&sheet), &out, "curves_driving")?;

    let asked = moue_tracks::read(&tracks.join("emotions.csv"))?.track;
    let measured = measured(&asked)?;
    let agreement = asked.agreement(&measured);
    let mut pair = Comparison {
        asked: &asked,
        measured: &measured,
        channels: agreement.iter().map(ChannelFigures::from).collect(),
        order: Order::WorstFirst,
        rate: Some(FrameRate::FPS_30),
        stretches: vec![Stretch { start: 5.0, end: 5.4, reason: Absence::NoFace }],
    };
    let sheet = ComparisonSheet {
        title: "emotions.csv, and what out.mp4 shows of it".to_owned(),
        summary: "43 channels, 313 frames; median correlation 0.96, median lag 1 frame. The worst are shown first."
            .to_owned(),
        comparison: pair.clone(),
    };
    save(&comparison(&sheet), &out, "comparison")?;
    let few = ComparisonSheet {
        comparison: Comparison { channels: pair.channels[..3].to_vec(), rate: None, ..pair.clone() },
        ..sheet
    };
    save(&comparison(&few), &out, "comparison_few")?;

    pair.order = Order::MovementFirst;
    save(&report(&report_sheet(pair, &portrait)), &out, "report")
}

fn report_sheet<'a>(pair: Comparison<'a>, portrait: &RgbImage) -> ReportSheet<'a> {
    let headline = |name: &str, value: &str, detail: &str| Headline {
        name: name.to_owned(),
        value: value.to_owned(),
        detail: detail.to_owned(),
    };
    let frames = (0..313).map(|frame| f64::from(frame) / 30.0);
    let identity =
        frames.clone().map(|t| (t, if t > 5.0 && t < 5.4 { f64::NAN } else { 0.86 + 0.05 * (t * 2.0).sin() }));
    let difference = frames.map(|t| (t, (t * 3.0).sin().abs() * 2.0 + 0.3 * (t * 31.0).sin().abs()));
    ReportSheet {
        title: "out.mp4".to_owned(),
        summary: "512x512 at 30 frames per second, 313 frames, 10.4 s; asked: emotions.csv; portrait: astronaut.png."
            .to_owned(),
        headlines: vec![
            headline(
                "Expression following",
                "0.96",
                "median correlation of 31 channels that move; lag +1.0 frames; mean error 0.034",
            ),
            headline("Identity", "0.87", "median cosine to the portrait by ArcFace (buffalo_l); least 0.81 at 4.73 s"),
            headline(
                "Steadiness on held parts",
                "0.998",
                "1 - mean difference of neighbouring frames over 255, in 41 frames where the asked expression is constant",
            ),
            headline("Frames", "2 repeated", "none dropped; repeated at 3.40 s and 7.93 s"),
        ],
        comparison: Some(pair),
        strips: vec![
            Strip {
                name: "Identity".to_owned(),
                detail: "cosine to the portrait".to_owned(),
                points: identity.collect(),
                from_zero: false,
            },
            Strip {
                name: "Difference".to_owned(),
                detail: "mean of |frame - frame before|, in levels of 255".to_owned(),
                points: difference.collect(),
                from_zero: true,
            },
        ],
        film: FilmStrip {
            rows: vec!["driver".to_owned(), "out".to_owned()],
            columns: (0..9)
                .map(|i| FilmColumn {
                    time: f64::from(i) * 1.3,
                    pictures: vec![(i != 4).then(|| shaded(portrait, 3 * i)), Some(shaded(portrait, 0))],
                })
                .collect(),
        },
    }
}

fn save(page: &Page, out: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    page.to_image().save(out.join(format!("{name}.png")))?;
    Ok(fs::write(out.join(format!("{name}.svg")), page.to_svg())?)
}

/// FLAME values and head angles that wander like a speaking person's.
fn driven(seconds: f64, rate: f64) -> Result<Track, Box<dyn Error>> {
    let channels: Vec<Channel> = Channel::all().filter(|channel| !matches!(channel, Channel::Shape(_))).collect();
    let times: Vec<f64> = (0..(seconds * rate) as u32).map(|row| f64::from(row) / rate).collect();
    let value = |t: f64, channel: &Channel| -> f64 {
        let k = channel.index() as f64;
        let slow = (t * (0.3 + 0.07 * (k % 9.0)) + k).sin() + 0.5 * (t * (1.1 + 0.13 * (k % 5.0)) + 2.0 * k).sin();
        match channel.name() {
            "eyelid_left" | "eyelid_right" => (1.0 - ((t % 3.7) - 0.2).abs() / 0.12).max(0.0),
            "jaw_x" => 0.1 * (slow.max(0.0) * (t * 9.0).sin().abs()),
            "jaw_y" | "jaw_z" => 0.02 * slow,
            name if name.starts_with("head") => 0.12 * slow,
            _ => slow * 1.5 / (1.0 + (k - 52.0) * 0.3),
        }
    };
    let values = times.iter().flat_map(|t| channels.iter().map(move |channel| value(*t, channel) as f32)).collect();
    Ok(Track::new(channels, times, values)?)
}

/// The same a frame late, weaker the later the channel, and trembling.
fn measured(asked: &Track) -> Result<Track, Box<dyn Error>> {
    let channels = asked.channels().to_vec();
    let mut values = Vec::new();
    for (row, time) in asked.times().iter().enumerate() {
        for (column, value) in asked.sample_row(time - 1.0 / 30.0, Interpolation::Linear).into_iter().enumerate() {
            let share = column as f32 / channels.len() as f32;
            let noise = (row as f64 * 12.9898 + column as f64 * 78.233).sin() * 43_758.545;
            let tremble = (noise - noise.floor() - 0.5) as f32 * 0.08 * share;
            let weaker = value * (1.05 - 0.5 * share) + tremble;
            values.push(if value < 0.0 { weaker } else { weaker.max(0.0) });
        }
    }
    Ok(Track::new(channels, asked.times().to_vec(), values)?)
}

/// The picture a little darker each time, so that frames can be told apart.
fn shaded(picture: &RgbImage, step: u32) -> RgbImage {
    let mut picture = picture.clone();
    for pixel in picture.pixels_mut() {
        pixel.0 = pixel.0.map(|value| (u32::from(value) * (60 - step.min(40)) / 60) as u8);
    }
    picture
}
