//! A film over many machines: the same bytes as on one, whatever happens to tasks, plans and results.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Bench, Ran, repository};

/// Longest time that anything may take here. A debug build on a busy machine is slow; hanging takes for ever.
const PATIENCE: Duration = Duration::from_secs(120);
/// Exit codes of a task.
const GIVE_UP: i32 = 65;
const RETRY: i32 = 75;

/// Three shots with a dissolve, a fade and a voice; the third carries on from the first.
const BOARD: &str = "moue: 1
output: {size: 64x64, fps: 10}
cast: {ada: me.png, bo: {portrait: other/bo.png, rest: smile*0.5}}
defaults: {length: 0.8s, character: ada}
shots:
  - {name: one, beats: at 0.5s to surprise}
  - {name: two, character: bo, sound: {file: voice.wav, at: 0.2s}, transition: dissolve 0.2s, beats: at 0.4s to delight}
  - {name: three, carry: true, motion: {file: motion.csv, at: 0.2s}, transition: fade 0.2s}
";

fn studio() -> Bench {
    let bench = Bench::new();
    bench.write("board.yaml", BOARD.as_bytes());
    fs::create_dir(bench.path("other")).unwrap();
    fs::copy(bench.path("me.png"), bench.path("other/bo.png")).unwrap();
    fs::copy(repository("examples/storyboards/sounds/bo.wav"), bench.path("voice.wav")).unwrap();
    bench
}

/// The film that one machine makes.
fn alone(bench: &Bench, more: &[&str]) -> Vec<u8> {
    bench
        .run(&[&["storyboard", "board.yaml", "-o", "alone.mp4", "--keep", "alone.moue", "--overwrite"], more].concat())
        .succeeded();
    fs::read(bench.path("alone.mp4")).unwrap()
}

fn plan(bench: &Bench, more: &[&str]) -> serde_json::Value {
    let usual = ["farm", "plan", "board.yaml", "-o", "plan.json", "--no-sample", "--json", "--overwrite"];
    bench.run(&[&usual[..], more].concat()).succeeded().json()
}

fn tasks(plan: &serde_json::Value) -> u64 {
    plan["tasks"].as_u64().unwrap()
}

fn task(bench: &Bench, index: u64) -> Ran {
    bench.run(&["farm", "task", "plan.json", "--index", &index.to_string(), "--json"])
}

fn status(bench: &Bench) -> serde_json::Value {
    bench.run(&["farm", "status", "plan.json", "--json", "--verify"]).succeeded().json()
}

fn join(bench: &Bench) -> Ran {
    bench.run(&["farm", "join", "plan.json", "-o", "film.mp4", "--overwrite"])
}

fn film(bench: &Bench) -> Vec<u8> {
    join(bench).succeeded();
    fs::read(bench.path("film.mp4")).unwrap()
}

/// The files that tasks have made, in order.
fn results(bench: &Bench, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![bench.path("plan.farm")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { found.push(entry) }
        }
    }
    found.retain(|path| path.extension().is_some_and(|own| own == ending));
    found.sort();
    found
}

#[test]
fn tasks_in_any_order_make_the_film_of_one_machine() {
    let bench = studio();
    let expected = alone(&bench, &[]);
    assert_eq!(alone(&bench, &["--restart"]), expected, "one machine makes the same film twice");
    let planned = plan(&bench, &["--frames-per-task", "1"]);
    assert_eq!((&planned["frames"], &planned["renderer"]), (&24.into(), &"mesh".into()));
    let count = tasks(&planned);
    assert_eq!(count, planned["pieces"].as_u64().unwrap());
    assert_eq!(status(&bench)["missing"], serde_json::json!([[0, count - 1]]));

    join(&bench).failed(1, &["task 0, shot one", "task 1, shot two", "there is no result", "hint: run them"]);
    for index in (0..count).rev() {
        let ran = task(&bench, index);
        assert_eq!(ran.succeeded().json()["was_done"], false);
    }
    let again = task(&bench, 1);
    assert_eq!((&again.succeeded().json()["was_done"], status(&bench)["done"].as_u64()), (&true.into(), Some(count)));
    assert_eq!(film(&bench), expected);
    // Tasks of another size make it of the same pieces, which are found.
    let planned = plan(&bench, &["--tasks", "2"]);
    assert_eq!(status(&bench)["done"], 0);
    for index in 0..tasks(&planned) {
        assert_eq!(task(&bench, index).succeeded().json()["drawn"], 0, "what did not change is found again");
    }
    assert_eq!(film(&bench), expected);
    let text = bench.run(&["farm", "status", "plan.json"]);
    assert!(text.succeeded().stdout.contains("tasks are done"), "{}", text.stdout);
}

#[test]
fn encoders_make_the_same_bits_on_one_core_as_on_all() {
    let bench = studio();
    let outputs = |name: &str| {
        let (mp4, webm) = (format!("{name}.mp4"), format!("{name}.webm"));
        let keep = format!("{name}.moue");
        ["storyboard", "board.yaml", "--keep", &keep, "-o", &mp4, "-o", &webm].map(str::to_owned)
    };
    let all = outputs("all");
    bench.run(&all.each_ref().map(String::as_str)).succeeded();
    let mut command = Command::new("taskset");
    command.args(["-c", "0", crate::harness::PROGRAM]).args(outputs("one")).current_dir(bench.path(""));
    Ran::of(command.stdin(Stdio::null())).succeeded();
    assert_eq!(fs::read(bench.path("one.mp4")).unwrap(), fs::read(bench.path("all.mp4")).unwrap());
    // Of a WebM, what is coded; the rest holds random numbers.
    let packets = |name: &str| {
        let hashes =
            ["-show_entries", "packet=stream_index,pts_time,data_hash", "-show_data_hash", "md5", "-of", "csv=p=0"];
        let output = Command::new("ffprobe").args(["-v", "error"]).args(hashes).arg(bench.path(name)).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty());
        output.stdout
    };
    assert_eq!(packets("one.webm"), packets("all.webm"));
}

#[test]
fn a_plan_says_what_it_costs_and_where_its_inputs_are() {
    let bench = studio();
    fs::create_dir(bench.path("shared")).unwrap();
    let plan = ["farm", "plan", "board.yaml", "-o", "shared/plan.json", "--json"];
    let ran = bench.run(&plan);
    let planned = ran.succeeded().json();
    assert!(planned["seconds"].as_f64().unwrap() > 0.0 && planned["sample"]["film"].as_u64().unwrap() > 0, "{planned}");
    assert!(ran.stderr.contains("of work on one such machine"), "{}", ran.stderr);
    // Everything came along, by its content, and two names of one content share a file.
    let text = fs::read_to_string(bench.path("shared/plan.json")).unwrap();
    let written: serde_json::Value = serde_json::from_str(&text).unwrap();
    let at: Vec<&str> = written["inputs"]["at"].as_array().unwrap().iter().map(|at| at.as_str().unwrap()).collect();
    assert_eq!(at.len(), 5);
    assert!(
        at.iter().all(|at| at.starts_with("plan.farm/inputs/") && bench.path("shared").join(at).is_file()),
        "{at:?}"
    );
    assert!(!text.contains(bench.path("").to_str().unwrap()), "no place of this machine is in it");
    bench.run(&plan).failed(2, &["plan.json", "--overwrite"]);
    // The folder may be moved, and stands alone.
    fs::rename(bench.path("shared"), bench.path("moved")).unwrap();
    let expected = alone(&bench, &[]);
    for name in ["board.yaml", "me.png", "voice.wav", "motion.csv", "other/bo.png"] {
        fs::remove_file(bench.path(name)).unwrap();
    }
    let ran = bench.run(&["farm", "submit", "moved/plan.json", "--engine", "local", "-o", "film.mp4", "--json"]);
    assert_eq!(ran.succeeded().json()["done"], planned["tasks"]);
    assert_eq!(fs::read(bench.path("film.mp4")).unwrap(), expected);
    let again = bench.run(&["farm", "submit", "moved/plan.json", "--engine", "local", "--json"]);
    assert_eq!((&again.succeeded().json()["done"], &again.json()["had"]), (&0.into(), &planned["tasks"]));
}

#[test]
fn a_portrait_and_a_motion_are_one_long_shot() {
    let bench = Bench::new();
    let usual = ["farm", "plan", "me.png", "motion.csv", "-o", "take.json", "--no-sample"];
    let options = ["--size", "64x64", "--fps", "10", "--framing", "head", "--gain", "jawOpen=0.5", "--start", "0.1s"];
    bench.run(&[&usual[..], &options].concat()).succeeded();
    let ran = bench.run(&["farm", "submit", "take.json", "--engine", "local", "-o", "take.mp4"]);
    ran.succeeded();
    bench.run(&["storyboard", "take.yaml", "-o", "alone.mp4"]).succeeded();
    assert_eq!(fs::read(bench.path("take.mp4")).unwrap(), fs::read(bench.path("alone.mp4")).unwrap());
    bench.run(&usual).failed(2, &["take.yaml", "--overwrite"]);
    // A storyboard that a person wrote stays, and one of a plan that failed does not.
    bench.write("mine.yaml", b"moue: 1\n");
    bench.run(&["farm", "plan", "me.png", "motion.csv", "-o", "mine.json", "--overwrite"]).failed(2, &["mine.yaml"]);
    assert_eq!(fs::read(bench.path("mine.yaml")).unwrap(), b"moue: 1\n");
    bench.write("grey.png", &fs::read(bench.path("motion.csv")).unwrap());
    bench.run(&["farm", "plan", "grey.png", "motion.csv", "-o", "grey.json"]).failed(1, &["grey.png"]);
    assert!(!bench.path("grey.yaml").exists());
    let board = ["farm", "plan", "take.yaml", "-o", "plan.json", "--size", "32x32"];
    bench.run(&board).failed(2, &["--size is for a portrait and a motion", "hint: "]);
}

#[test]
fn a_painted_film_is_painted_frame_by_frame_and_then_put_together() {
    let bench = Bench::new();
    bench.run(&["models", "synth", "--scale", "tiny", "models"]).succeeded();
    bench.write(
        "board.yaml",
        b"moue: 1\noutput: {size: 64x64, renderer: diffusion, fps: 5, diffusion: {steps: 1, guidance: 1}}\n\
          cast: {ada: me.png}\ndefaults: {length: 1s, blink: false, idle: false}\nshots:\n\
          - {name: a, beats: {at: 0.4s, express: {exp: [1, -1], jaw_x: 0.3}}}\n\
          - {name: b, framing: face*1.5, transition: dissolve 0.4s, beats: to blink}\n",
    );
    let expected = alone(&bench, &["--models", "models", "--batch", "1"]);
    let planned = plan(&bench, &["--models", "models", "--frames-per-task", "4"]);
    assert_eq!(planned["phases"].to_string().matches("work").count(), 2, "{planned}");
    assert_eq!((&planned["phases"][0]["work"], &planned["phases"][0]["tasks"]), (&"paint".into(), &4.into()));
    let run = |index: u64, more: &[&str]| {
        bench.run(&[&["farm", "task", "plan.json", "--index", &index.to_string(), "--json"], more].concat())
    };
    run(4, &[]).failed(RETRY, &["task 4 needs what task 0 makes", "hint: run it first"]);
    fs::rename(bench.path("models"), bench.path("elsewhere")).unwrap();
    for index in 0..4 {
        run(index, &["--models", "elsewhere"]).succeeded();
    }
    // Frames that are there are not painted again, not even for another plan.
    fs::remove_dir_all(bench.path("plan.farm/receipts")).unwrap();
    let ran = run(1, &["--models", "elsewhere"]);
    assert_eq!(ran.succeeded().json()["drawn"], 0);
    assert_eq!(results(&bench, "png").len(), 12);
    for index in [0, 2, 3] {
        run(index, &["--models", "elsewhere"]).succeeded();
    }
    // To put together what was painted takes no models.
    for index in 4..tasks(&planned) {
        run(index, &["--models", "nowhere"]).succeeded();
    }
    assert_eq!(film(&bench), expected);
    // Other models are told, and so is one that is missing.
    fs::remove_dir_all(bench.path("plan.farm")).unwrap();
    let model = bench.path("elsewhere/arc2face/diffusion_pytorch_model.safetensors");
    let mut bytes = fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&model, bytes).unwrap();
    run(0, &["--models", "elsewhere"]).failed(GIVE_UP, &["not the model that was planned with", "--models"]);
    fs::remove_file(&model).unwrap();
    run(0, &["--models", "elsewhere"]).failed(GIVE_UP, &["was planned with", "hint: "]);
}

#[test]
fn keyframes_are_painted_first_and_faces_are_put_into_the_picture() {
    let bench = Bench::new();
    bench.run(&["models", "synth", "--scale", "tiny", "models"]).succeeded();
    bench.write(
        "board.yaml",
        b"moue: 1\noutput: {size: 64x64, renderer: diffusion, fps: 5, diffusion: {steps: 2, guidance: 1}}\n\
          cast: {ada: me.png}\ndefaults: {length: 1s, blink: false, idle: false}\nshots:\n\
          - {name: a, beats: {at: 0.4s, express: {exp: [2, -2], jaw_x: 0.4}}}\n\
          - {name: b, framing: head, beats: to blink}\n",
    );
    let steady = ["--models", "models", "--history", "keyframe", "--keyframe-distance", "0.5"];
    let expected = alone(&bench, &[&steady[..], &["--batch", "1"]].concat());
    let planned = plan(&bench, &[&steady[..], &["--frames-per-task", "3"]].concat());
    let phases: Vec<&str> =
        planned["phases"].as_array().unwrap().iter().map(|phase| phase["work"].as_str().unwrap()).collect();
    assert_eq!(phases, ["keys", "paint", "film"]);
    let first = planned["phases"][1]["first"].as_u64().unwrap();
    let early = bench.run(&["farm", "task", "plan.json", "--index", &first.to_string(), "--models", "models"]);
    early.failed(RETRY, &["needs what task 0 makes"]);
    let ran = bench.run(&["farm", "submit", "plan.json", "--engine", "local", "--models", "models", "-o", "film.mp4"]);
    ran.succeeded();
    assert!(ran.stderr.find("keys: ").unwrap() < ran.stderr.find("paint: ").unwrap(), "{}", ran.stderr);
    assert_eq!(fs::read(bench.path("film.mp4")).unwrap(), expected);
    assert_eq!(status(&bench)["done"], planned["tasks"]);
    let is_rest = |path: &&PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("rest.");
    assert_eq!(results(&bench, "png").iter().filter(is_rest).count(), 1, "one face at rest for all tasks");
}

#[test]
fn plans_that_were_changed_are_refused() {
    let bench = studio();
    plan(&bench, &["--tasks", "2"]);
    let text = fs::read_to_string(bench.path("plan.json")).unwrap();
    let refused = |text: &str, words: &[&str]| {
        bench.write("plan.json", text.as_bytes());
        task(&bench, 0).failed(GIVE_UP, words);
        for arguments in [&["farm", "status", "plan.json"][..], &["farm", "join", "plan.json", "-o", "film.mp4"]] {
            bench.run(arguments).failed(1, words);
        }
    };
    refused(&text.replace("\"draft\":false", "\"draft\":true"), &["somebody changed this plan", "make it again"]);
    refused(&text.replace("\"moue_farm\":1", "\"moue_farm\":7"), &["version 7", "reads version 1"]);
    refused(&text[..text.len() / 2], &["this is no plan", "hint: "]);
    refused("plan: {}", &["this is no plan"]);
    // Whoever changes its checksum too gets no further.
    let forged = |from: &str, to: &str| {
        let mut plan: serde_json::Value = serde_json::from_str(&text.replace(from, to)).unwrap();
        plan["id"] = "".into();
        // The order of keys is the plan's, not the sorted one of a JSON value.
        let bare = text.replace(from, to).replace(&format!("\"id\":\"{}\"", identity(&text)), "\"id\":\"\"");
        let sum = sha256(bare.as_bytes());
        bare.replace("\"id\":\"\"", &format!("\"id\":\"{sum}\""))
    };
    refused(&forged("\"board.yaml\",\"me.png\"", "\"../board.yaml\",\"me.png\""), &["../board.yaml", "no path within"]);
    refused(&forged("\"results\":\"plan.farm\"", "\"results\":\"/tmp\""), &["/tmp", "no path within"]);
    bench.write("plan.json", forged("\"program\":\"", "\"program\":\"9.").as_bytes());
    task(&bench, 0).failed(GIVE_UP, &["made by moue 9.", "one version of moue"]);
    bench.write("plan.json", text.as_bytes());
    task(&bench, 99).failed(2, &["there is no task 99", "the plan has"]);
    bench.run(&["farm", "task", "nothing.json", "--index", "0"]).failed(GIVE_UP, &["nothing.json", "there is no plan"]);
    let unmounted = bench.run(&["farm", "task", "nowhere/plan.json", "--index", "0"]);
    unmounted.failed(RETRY, &["nowhere", "No such file", "mounted"]);
    assert!(!bench.path("film.mp4").exists());
}

fn identity(text: &str) -> String {
    serde_json::from_str::<serde_json::Value>(text).unwrap()["id"].as_str().unwrap().to_owned()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn inputs_that_changed_are_refused_and_links_out_are_too() {
    let bench = studio();
    plan(&bench, &["--frames-per-task", "1"]);
    let board = fs::read(bench.path("board.yaml")).unwrap();
    bench.write("board.yaml", b"moue: 1\n");
    task(&bench, 0).failed(GIVE_UP, &["board.yaml", "not what was planned", "make the plan again"]);
    bench.write("board.yaml", &board);
    let motion = fs::read(bench.path("motion.csv")).unwrap();
    fs::remove_file(bench.path("motion.csv")).unwrap();
    // Only the shot that needs it misses it.
    task(&bench, 0).succeeded();
    let last = status(&bench)["tasks"].as_u64().unwrap() - 1;
    task(&bench, last).failed(GIVE_UP, &["motion.csv", "it is not there", "hint: "]);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("motion.csv"), &motion).unwrap();
    std::os::unix::fs::symlink(outside.path().join("motion.csv"), bench.path("motion.csv")).unwrap();
    task(&bench, last).failed(GIVE_UP, &["motion.csv", "leads out of the plan's folder"]);
}

#[test]
fn results_that_are_damaged_are_found_and_made_again() {
    let bench = studio();
    let expected = alone(&bench, &[]);
    let count = tasks(&plan(&bench, &["--frames-per-task", "1"]));
    (0..count).for_each(|index| drop(task(&bench, index).succeeded().json()));
    let receipts = results(&bench, "json");
    assert_eq!((results(&bench, "mkv").len() as u64, receipts.len() as u64), (count, count));
    // A damaged file may be left beside the one that is made anew: its name holds its hash.
    let piece = |index: usize| {
        let receipt: serde_json::Value = serde_json::from_slice(&fs::read(&receipts[index]).unwrap()).unwrap();
        bench.path(receipt["files"][0]["name"].as_str().unwrap())
    };
    let broken = |words: &str| {
        let status = status(&bench);
        let broken = status["broken"].as_array().unwrap();
        assert!(broken.iter().any(|broken| broken["problem"].as_str().unwrap().contains(words)), "{words}: {status}");
        join(&bench).failed(1, &["have no result that can be used", words]);
        assert!(!bench.path("film.mp4").exists());
        broken.iter().for_each(|broken| drop(task(&bench, broken["task"].as_u64().unwrap()).succeeded().json()));
        assert_eq!(self::status(&bench)["done"], count);
    };
    // Cut off, changed, put in the place of another, gone.
    let whole = fs::read(piece(0)).unwrap();
    fs::write(piece(0), &whole[..whole.len() - 7]).unwrap();
    broken("bytes, expected");
    let mut other = fs::read(piece(1)).unwrap();
    *other.last_mut().unwrap() ^= 1;
    fs::write(piece(1), other).unwrap();
    broken("other content");
    let (one, two) = (piece(0), piece(2));
    fs::rename(&one, bench.path("spare")).unwrap();
    fs::rename(&two, &one).unwrap();
    fs::rename(bench.path("spare"), &two).unwrap();
    broken("plan.farm/pieces");
    fs::remove_file(piece(3)).unwrap();
    broken("not there");
    let (first, second) = (fs::read(&receipts[0]).unwrap(), fs::read(&receipts[1]).unwrap());
    fs::write(&receipts[0], &second).unwrap();
    fs::write(&receipts[1], &first).unwrap();
    broken("belongs to task");
    fs::write(&receipts[0], &first[..first.len() / 2]).unwrap();
    broken("its receipt is damaged");
    let text = String::from_utf8(first).unwrap();
    fs::write(&receipts[0], text.replace("\"drawn\":", "\"drawn\":1")).unwrap();
    broken("was changed");
    // Clocks that disagree: files from the future and from long ago.
    for (path, date) in
        results(&bench, "mkv").iter().chain(&receipts).zip(["2099-01-01", "1971-01-01"].into_iter().cycle())
    {
        assert!(Command::new("touch").args(["-d", date]).arg(path).status().unwrap().success());
    }
    assert_eq!(status(&bench)["done"], count);
    assert_eq!(film(&bench), expected);
}

#[test]
fn two_at_once_do_no_harm_and_one_that_is_ended_leaves_nothing_final() {
    let bench = studio();
    let expected = alone(&bench, &[]);
    let count = tasks(&plan(&bench, &["--tasks", "1"]));
    assert_eq!(count, 1);
    // Each in a folder of its own, so that what they leave there can be seen.
    let start = |name: &str| {
        fs::create_dir_all(bench.path(name)).unwrap();
        let mut command = bench.command(&["farm", "task", "plan.json", "--index", "0", "--scratch", name]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut polite = start("polite");
    let began = Instant::now();
    // It has begun when its folder is there.
    while fs::read_dir(bench.path("polite")).unwrap().count() == 0 && polite.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(Command::new("kill").args(["-TERM", &polite.id().to_string()]).status().unwrap().success());
    let code = polite.wait().unwrap().code();
    assert!(code == Some(RETRY), "{code:?}");
    assert!(results(&bench, "json").is_empty() && is_empty(&bench.path("polite")));
    let (mut one, mut two) = (start("one"), start("two"));
    assert!(one.wait().unwrap().success() && two.wait().unwrap().success());
    assert_eq!(film(&bench), expected);
    assert!(is_empty(&bench.path("one")) && is_empty(&bench.path("two")));
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().count() == 0
}

#[test]
fn engines_are_told_what_to_do() {
    let bench = studio();
    plan(&bench, &["--frames-per-task", "1"]);
    let submit = |more: &[&str]| bench.run(&[&["farm", "submit", "plan.json", "--dry-run"], more].concat());
    let script = submit(&["--engine", "slurm", "-o", "film.mp4", "--sbatch=--partition=all", "--max-array", "2"]);
    for words in ["sbatch --parsable", "#SBATCH --partition=all", "--array=0-1", "afterok:", "farm join", "--requeue"] {
        assert!(script.succeeded().stdout.contains(words), "{words}: {}", script.stdout);
    }
    assert!(!script.stdout.contains("gres"), "the mesh renderer wants no GPU");
    submit(&["--engine", "kubernetes"]).failed(2, &["--image"]);
    submit(&["--engine", "kubernetes", "--image", "moue:1"]).failed(2, &["containers have no such folder", "--volume"]);
    let address = bench.path("plan.json").display().to_string();
    let yaml = bench.run(&[
        "farm",
        "submit",
        &address,
        "--dry-run",
        "--engine",
        "kubernetes",
        "--image",
        "moue:1",
        "--volume",
        "films:/films",
    ]);
    for words in ["kind: Job", "completionMode: Indexed", "claimName: films", "backoffLimitPerIndex: 3", "FailIndex"] {
        assert!(yaml.succeeded().stdout.contains(words), "{words}: {}", yaml.stdout);
    }
    // A film that cannot be is told before the work.
    for engine in ["slurm", "kubernetes", "local"] {
        let asked = ["--engine", engine, "--image", "moue:1", "-o", "film.webm"];
        submit(&asked).failed(2, &["film.webm", "h264", "--codec vp9"]);
    }
    for (film, volume) in
        [("/film.mp4", "outside of /films"), ("/films/../film.mp4", "outside of"), ("film.mp4", "outside")]
    {
        let asked = ["--engine", "kubernetes", "--image", "moue:1", "--volume", "films:/films", "-o", film];
        submit(&asked).failed(2, &[film, volume, "hint: name a file in the volume"]);
    }
    submit(&["--engine", "kubernetes", "--image", "moue:1", "-o", "/film.mp4"]).failed(2, &["in no volume", "hint: "]);
    bench.write("there.mp4", b"precious");
    submit(&["--engine", "local", "-o", "there.mp4"]).failed(1, &["there.mp4", "--overwrite"]);
    let local = submit(&["--engine", "local", "--workers", "3"]);
    assert!(local.succeeded().stdout.starts_with("3 processes at a time"), "{}", local.stdout);
    assert!(!bench.path("plan.farm").exists(), "nothing was done");
    // Without Slurm it says so.
    let mut command = bench.command(&["farm", "submit", "plan.json", "--engine", "slurm"]);
    Ran::of(command.env("PATH", "/nowhere")).failed(1, &["Slurm", "does not start", "--dry-run"]);
}

#[test]
fn plans_have_any_names_and_are_not_replaced_by_their_films() {
    let bench = studio();
    let expected = alone(&bench, &[]);
    fs::create_dir(bench.path("größe [1]")).unwrap();
    bench.run(&["farm", "plan", "board.yaml", "-o", "größe [1]/größe ä.mkv", "--no-sample"]).succeeded();
    let submit = ["farm", "submit", "größe [1]/größe ä.mkv", "--engine", "local", "-o"];
    bench.run(&[&submit[..], &["film.mp4"]].concat()).succeeded();
    assert_eq!(fs::read(bench.path("film.mp4")).unwrap(), expected);
    let plan = fs::read(bench.path("größe [1]/größe ä.mkv")).unwrap();
    bench.run(&[&submit[..], &["größe [1]/größe ä.mkv", "--overwrite"]].concat()).failed(2, &["is what is read"]);
    let join = ["farm", "join", "größe [1]/größe ä.mkv", "-o", "größe [1]/../größe [1]/größe ä.mkv", "--overwrite"];
    bench.run(&join).failed(2, &["is what is read", "hint: "]);
    assert_eq!(fs::read(bench.path("größe [1]/größe ä.mkv")).unwrap(), plan);
}

#[test]
fn a_task_that_cannot_be_done_is_given_up_with_what_it_said() {
    let bench = studio();
    plan(&bench, &["--frames-per-task", "1"]);
    bench.write("me.png", b"no picture");
    let ran = bench.run(&["farm", "submit", "plan.json", "--engine", "local", "-o", "film.mp4"]);
    ran.failed(1, &["was given up after 1 attempts", "me.png", "not what was planned", "hint: "]);
    assert!(!bench.path("film.mp4").exists());
}
