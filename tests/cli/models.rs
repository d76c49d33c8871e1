//! `moue models`

#[path = "../../crates/models/tests/hub/server.rs"]
#[allow(dead_code, reason = "shared with the tests of moue-models, which need more of it")]
mod server;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
};

use moue_face::Recogniser;
use moue_models::ModelFile;
use server::{Fault, Hub, hex};

use crate::harness::{Bench, Ran, head};

/// The catalogue knows no hash of it, so that it may be anything.
const LARGE: ModelFile = ModelFile::Encoder;
const SMALL: ModelFile = ModelFile::UnetConfig;
const UNET: &str = "m/arc2face/diffusion_pytorch_model.safetensors";

/// The program, with a home of its own: no folder and no cache of whoever runs the tests.
fn command(bench: &Bench, arguments: &[&str]) -> Command {
    let mut command = bench.command(&[&["models"], arguments].concat());
    for name in ["MOUE_MODELS", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HF_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH"] {
        command.env_remove(name);
    }
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    command.env("HOME", bench.path("home")).env("HF_HOME", bench.path("hf")).env("HF_HUB_OFFLINE", "1");
    command
}

fn run(bench: &Bench, arguments: &[&str]) -> Ran {
    Ran::of(&mut command(bench, arguments))
}

/// With the network, as far as it goes to this hub.
fn online(bench: &Bench, hub: &Hub, arguments: &[&str]) -> Command {
    let mut command = command(bench, arguments);
    command.env("HF_HUB_OFFLINE", "0").env("HF_ENDPOINT", hub.endpoint());
    command
}

fn synth(bench: &Bench) {
    run(bench, &["synth", "--scale", "tiny", "m"]).succeeded();
}

/// Writes a safetensors file anew, with its header's text changed. Offsets stay.
fn edit_header(path: &Path, from: &str, to: &str) {
    let bytes = fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    assert!(header.contains(from), "{header}");
    let header = header.replace(from, to);
    let edited = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes[8 + length..]].concat();
    fs::write(path, edited).unwrap();
}

#[test]
fn the_list_says_what_is_there_and_what_is_not() {
    let bench = Bench::new();
    let listed = run(&bench, &["list", "--json"]).succeeded().json();
    assert_eq!(listed["complete"], false);
    assert_eq!(listed["folder_from"], "user data");
    assert_eq!(listed["folder"], bench.path("home/.local/share/moue/models").to_str().unwrap());
    let files = listed["files"].as_array().unwrap();
    assert_eq!(files.len(), ModelFile::ALL.len());
    assert!(files.iter().all(|file| file["state"] == "missing" && file["path"].is_null()));
    assert_eq!(files.iter().filter(|file| file["required"] == false).count(), 2);

    synth(&bench);
    let people = run(&bench, &["list", "--models", "m"]);
    for word in ["given with --models", "exp_adapter/exp_adapter.safetensors", "MIT", "OpenRAIL", "All that is needed"]
    {
        assert!(people.succeeded().stdout.contains(word), "{word} in {}", people.stdout);
    }
    let listed = Ran::of(command(&bench, &["list", "--json"]).env("MOUE_MODELS", "m")).succeeded().json();
    assert_eq!((&listed["complete"], &listed["folder_from"]), (&true.into(), &"environment".into()));
    let unet = &listed["files"][1];
    let size = fs::metadata(bench.path(UNET)).unwrap().len();
    assert_eq!((&unet["state"], &unet["found_size"]), (&"present".into(), &size.into()));
    assert_eq!(unet["sha256"], ModelFile::Unet.sha256().unwrap());

    run(&bench, &["list", "--models", "nowhere"]).failed(1, &["nowhere: found nothing", "hint: "]);
}

#[test]
fn a_synthetic_folder_is_clean_and_its_recogniser_runs() {
    let bench = Bench::new();
    let ran = run(&bench, &["synth", "--scale", "tiny", "--with", "lcm", "m"]);
    assert!(ran.succeeded().stderr.contains("wrote m: ") && ran.stderr.contains("random"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    let checked = run(&bench, &["check", "--models", "m"]);
    assert!(checked.succeeded().stdout.contains("Nothing is wrong"), "{}", checked.stdout);
    // All but the tracker, which is never made up.
    assert_eq!(checked.stdout.matches("\n  ok  ").count(), ModelFile::ALL.len() - 1);

    let recogniser = Recogniser::load(bench.path("m/antelopev2/arcface.onnx")).unwrap();
    let crop = image::imageops::resize(&head(), 112, 112, image::imageops::FilterType::Triangle);
    let seen = recogniser.embed(&crop).unwrap();
    assert!((seen.cosine(&recogniser.embed(&crop).unwrap()) - 1.0).abs() < 1e-6);
    let other = image::imageops::flip_vertical(&crop);
    assert!(seen.cosine(&recogniser.embed(&other).unwrap()) < 0.99);

    // Nothing is replaced.
    run(&bench, &["synth", "--scale", "tiny", "m"]).failed(2, &["m: found a folder that is not empty", "hint: "]);
    run(&bench, &["synth", "m"]).failed(2, &["--scale"]);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let bench = Bench::new();
    synth(&bench);
    edit_header(&bench.path(UNET), r#""conv_in.bias""#, r#""conv_in.stray""#);
    edit_header(&bench.path("m/encoder/model.safetensors"), r#""shape":[77,512]"#, r#""shape":[7,5632]"#);
    let onnx = fs::read(bench.path("m/antelopev2/arcface.onnx")).unwrap();
    bench.write("m/antelopev2/arcface.onnx", &onnx[..1000]);
    bench.write("m/exp_adapter/exp_adapter.safetensors", b"\x80\x02}q\x00.");
    fs::remove_file(bench.path("m/vae/config.json")).unwrap();
    run(&bench, &["check", "--models", "m"]).failed(
        1,
        &[
            "6 problems in 5 files",
            "    missing   conv_in.bias [8]",
            "    extra     conv_in.stray [8]",
            "    misshapen text_model.embeddings.position_embedding.weight: found [7, 5632], expected [77, 512]",
            "which end within field 7",
            "before 1.6",
            "vae/config.json\n    not there",
            "not compared, for want of a configuration: vae/diffusion_pytorch_model.safetensors",
            "hint: `moue models pull`",
            "hint: load and save it once with a newer PyTorch",
        ],
    );
    // Whoever wants the published files and no others says so.
    fs::remove_dir_all(bench.path("m")).unwrap();
    synth(&bench);
    run(&bench, &["check", "--models", "m", "--hash"])
        .failed(1, &["ref_adapter/pytorch_lora_weights.safetensors", "is not the published file: found SHA-256"]);
}

#[test]
fn files_are_fetched_once() {
    let (bench, hub) = (Bench::new(), Hub::start());
    hub.put(SMALL, b"{}", false);
    hub.put(LARGE, &[7; 100_000], true);
    let pull = ["pull", SMALL.path(), LARGE.path(), "--models", "m"];
    let ran = Ran::of(&mut online(&bench, &hub, &pull));
    for words in ["encoder/pytorch_model.bin: 100 kB", "fetched 100 kB", "10 needed files are still missing"] {
        assert!(ran.succeeded().stderr.contains(words), "{words} in {}", ran.stderr);
    }
    assert_eq!(ran.stdout, "");
    assert_eq!(fs::read(bench.path("m").join(LARGE.path())).unwrap(), [7; 100_000]);
    let ran = Ran::of(&mut online(&bench, &hub, &pull));
    assert!(ran.succeeded().stderr.contains("encoder/pytorch_model.bin: was there"), "{}", ran.stderr);
    let quiet = [&pull[..], &["--quiet"]].concat();
    assert_eq!(Ran::of(&mut online(&bench, &hub, &quiet)).succeeded().stderr, "");
}

#[test]
fn what_cannot_be_fetched_is_an_error_with_a_way_out() {
    let (bench, hub) = (Bench::new(), Hub::start());
    Ran::of(&mut online(&bench, &hub, &["pull", SMALL.path(), "--models", "m"]))
        .failed(1, &["arc2face/config.json: the hub answered 404", "hint: "]);
    // Another content than the published one.
    hub.put(ModelFile::ReferenceAdapter, b"something else", true);
    Ran::of(&mut online(&bench, &hub, &["pull", ModelFile::ReferenceAdapter.path(), "--models", "m"]))
        .failed(1, &[&hex(b"something else"), ModelFile::ReferenceAdapter.sha256().unwrap(), "hint: "]);
    hub.refuse(Some(403));
    Ran::of(&mut online(&bench, &hub, &["pull", SMALL.path(), "--models", "m"])).failed(1, &["HF_TOKEN"]);
    // Offline, all that is needed is named, and what is optional is not.
    let offline = run(&bench, &["pull", "--models", "m"]);
    offline.failed(1, &["12 model files are", "HF_HUB_OFFLINE", "encoder/pytorch_model.bin"]);
    assert!(!offline.stderr.contains("lcm_lora"), "{}", offline.stderr);
    run(&bench, &["pull", "--models", "m", "--with", "lcm"]).failed(1, &["13 model files are", "lcm_lora"]);
    run(&bench, &["pull", "unet.bin"]).failed(2, &["found 'unet.bin'", "arc2face/config.json"]);
}

#[test]
fn an_interrupted_pull_goes_on_where_it_stopped() {
    let (bench, hub) = (Bench::new(), Hub::start());
    let content: Vec<u8> = (0..500_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    hub.put(LARGE, &content, true);
    // Half of it comes; then nobody answers for some tries, and it waits between them.
    hub.faults(&[Fault::Cut(1_000_000), Fault::Status(500), Fault::Status(500), Fault::Status(500)]);
    let pull = ["pull", LARGE.path(), "--models", "m"];
    let mut child = online(&bench, &hub, &pull).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("try 3") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "ended early: {said}");
    }
    let sent = Command::new("bash").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(sent.success());
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("interrupted: what has been fetched is kept"), "{said}");
    assert!(!bench.path("m").join(LARGE.path()).exists());

    hub.faults(&[]);
    hub.forget_requests();
    let ran = Ran::of(&mut online(&bench, &hub, &pull));
    assert!(ran.succeeded().stderr.contains("goes on at 1.00 MB of 2.00 MB"), "{}", ran.stderr);
    assert!(hub.downloads().iter().any(|request| request.range.as_deref() == Some("bytes=1000000-")));
    assert!(fs::read(bench.path("m").join(LARGE.path())).unwrap() == content);
}
