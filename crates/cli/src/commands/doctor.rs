//! `moue doctor`

use moue_media::doctor::{Findings, probe};
use moue_models::{ModelFile, ModelFolder, process_environment};
use serde::Serialize;

use super::Outcome;
use crate::{
    args::DoctorArgs,
    exit,
    printer::{Printer, strong},
};

/// Nets that are part of the program, and what they are for.
const EMBEDDED: [(&str, &str); 4] = [
    ("face detector", "finds faces in a picture (MediaPipe)"),
    ("face landmarks", "478 points on a face (MediaPipe)"),
    ("face blendshapes", "52 coefficients of its expression (MediaPipe)"),
    ("mesh rig", "moves a portrait by ARKit's 52 shapes"),
];

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    moue: &'static str,
    cores: usize,
    ok: bool,
    gstreamer: Gstreamer<'a>,
    elements: Vec<Element<'a>>,
    encoders: Vec<Encoder<'a>>,
    cuda: Cuda,
    models: Vec<Model>,
    diffusion: Diffusion,
    install: Option<String>,
}

/// The diffusion renderer's model files, which are no part of the program.
#[derive(Serialize)]
struct Diffusion {
    found: usize,
    needed: usize,
}

impl Diffusion {
    fn find() -> Self {
        let folder = ModelFolder::find(None, &process_environment).ok();
        let is_there = |file: &ModelFile| folder.as_ref().is_some_and(|folder| folder.path(*file).is_some());
        Self { found: ModelFile::required().filter(is_there).count(), needed: ModelFile::required().count() }
    }

    fn row(&self) -> [String; 3] {
        let Self { found, needed } = self;
        let state = if found == needed { "ok" } else { "-" };
        let words =
            format!("{found} of {needed} model files of the diffusion renderer are there: see `moue models list`");
        [state.to_owned(), "Arc2Face and adapters".to_owned(), words]
    }
}

#[derive(Serialize)]
struct Gstreamer<'a> {
    version: Option<&'a str>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Element<'a> {
    name: &'a str,
    present: bool,
    purpose: &'a str,
    package: &'a str,
    /// What is lost without it.
    absence: &'a str,
}

#[derive(Serialize)]
struct Encoder<'a> {
    element: &'a str,
    codec: &'a str,
    present: bool,
    used: bool,
}

#[derive(Serialize)]
struct Cuda {
    usable: bool,
    used: bool,
    device: Option<String>,
    driver: Option<String>,
    library: Option<String>,
}

#[derive(Serialize)]
struct Model {
    name: &'static str,
    purpose: &'static str,
    embedded: bool,
}

/// Always exits with 0: what is missing is a finding, not a failure. `ok` in the JSON says whether all is there.
pub fn doctor(args: &DoctorArgs, printer: Printer) -> Outcome {
    let findings = probe();
    let report = report(&findings);
    if args.json {
        printer.data(&serde_json::to_string_pretty(&report)?);
    } else {
        printer.data(&table(&report));
    }
    Ok(exit::DONE)
}

fn report(findings: &Findings) -> Report<'_> {
    let element = |finding: &moue_media::doctor::ElementFinding| Element {
        name: finding.element.name,
        present: finding.is_present,
        purpose: finding.element.purpose,
        package: finding.element.package,
        absence: finding.element.absence,
    };
    let encoder = |finding: &moue_media::doctor::EncoderFinding| Encoder {
        element: finding.element,
        codec: finding.codec,
        present: finding.is_present,
        used: finding.is_used,
    };
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let packages = findings.missing_packages();
    Report {
        moue: env!("CARGO_PKG_VERSION"),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        ok: findings.gstreamer.is_ok() && packages.is_empty(),
        gstreamer: Gstreamer {
            version: findings.gstreamer.as_deref().ok(),
            error: findings.gstreamer.as_ref().err().map(String::as_str),
        },
        elements: findings.elements.iter().map(element).collect(),
        encoders: findings.encoders.iter().map(encoder).collect(),
        cuda: Cuda {
            usable: findings.cuda.is_usable(),
            used: false,
            device: path(&findings.cuda.device),
            driver: findings.cuda.driver.clone(),
            library: path(&findings.cuda.library),
        },
        diffusion: Diffusion::find(),
        models: EMBEDDED.map(|(name, purpose)| Model { name, purpose, embedded: true }).into(),
        install: (!packages.is_empty()).then(|| format!("apt-get install {}", packages.join(" "))),
    }
}

fn table(report: &Report<'_>) -> String {
    let mut lines = vec![format!("moue {}, {} cores", report.moue, report.cores)];
    let mut section = |title: &str, rows: Vec<[String; 3]>| {
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1)];
        lines.push(format!("\n{}", strong(title)));
        for [state, name, words] in &rows {
            lines.push(format!("  {state:<0$}  {name:<1$}  {words}", widths[0], widths[1]).trim_end().to_owned());
        }
    };
    let state = |present: bool| if present { "ok" } else { "missing" }.to_owned();

    let gstreamer = match (report.gstreamer.version, report.gstreamer.error) {
        (Some(version), _) => [state(true), format!("GStreamer {version}"), "writes .mp4, .mkv and .webm".to_owned()],
        (None, error) => {
            let lost = "no .mp4, .mkv or .webm; .gif, frames and contact sheets work";
            [state(false), "GStreamer".to_owned(), format!("{}; {lost}", error.unwrap_or("does not start"))]
        }
    };
    let mut media = vec![gstreamer];
    for element in &report.elements {
        let words = match element.present {
            true => element.purpose.to_owned(),
            false => format!("{}: without it {}; package {}", element.purpose, element.absence, element.package),
        };
        media.push([state(element.present), element.name.to_owned(), words]);
    }
    section("Media", media);

    let encoder = |encoder: &Encoder<'_>| {
        let state = if encoder.present { "ok" } else { "-" };
        let used = if encoder.used { "used" } else { "not used by this version" };
        [state.to_owned(), encoder.element.to_owned(), format!("{}, {used}", encoder.codec)]
    };
    section("Encoders", report.encoders.iter().map(encoder).collect());

    let cuda = &report.cuda;
    let words = match cuda.usable {
        true => format!("{}; not used by the mesh renderer", cuda.driver.as_deref().unwrap_or("found")),
        false => "no card or driver found; nothing is lost: the mesh renderer runs on the CPU".to_owned(),
    };
    section("CUDA", vec![[if cuda.usable { "ok" } else { "-" }.to_owned(), "CUDA".to_owned(), words]]);

    let model = |model: &Model| ["ok".to_owned(), model.name.to_owned(), format!("{}; built in", model.purpose)];
    let models = report.models.iter().map(model).chain([report.diffusion.row()]);
    section("Models", models.collect());

    lines.push(match &report.install {
        None if report.ok && report.diffusion.found < report.diffusion.needed => {
            "\nNothing is missing for the mesh renderer.".to_owned()
        }
        None if report.ok => "\nNothing is missing.".to_owned(),
        None => "\nGStreamer does not start; see above.".to_owned(),
        Some(install) => format!("\nTo get what is missing: {install}"),
    });
    lines.join("\n")
}
