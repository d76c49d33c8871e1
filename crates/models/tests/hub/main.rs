//! Pulling from a hub on this machine.
//!
//! `ModelFile::Encoder` is the one large file here: the catalogue knows no hash of it, so that it may be anything.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod faults;
mod server;

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use moue_models::{
    ModelFile, ModelFolder, ModelsError, Presence,
    hub::{HubError, HubSettings, PullEvent, PullReport, PullSource, Verdict, offer, pull, verify},
};
use server::{COMMIT, Hub, hex};
use tempfile::TempDir;

const LARGE: ModelFile = ModelFile::Encoder;
const SMALL: ModelFile = ModelFile::UnetConfig;

/// A hub, and a machine that pulls from it.
struct Scene {
    hub: Hub,
    temp: TempDir,
    settings: HubSettings,
    content: Vec<u8>,
}

impl Scene {
    fn new() -> Self {
        let (hub, temp) = (Hub::start(), tempfile::tempdir().unwrap());
        let home = temp.path().join("hf");
        let variables = |name: &str| match name {
            "HF_HOME" => Some(home.clone().into_os_string()),
            "HF_ENDPOINT" => Some(hub.endpoint().into()),
            _ => None,
        };
        let mut settings = HubSettings::from_environment(&variables).unwrap();
        settings.pause = Duration::from_millis(1);
        // Larger than what the system's buffers swallow at once, and different everywhere.
        let content: Vec<u8> = (0..1_500_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        hub.put(LARGE, &content, true);
        hub.put(SMALL, b"{\"small\": true}", false);
        Self { hub, temp, settings, content }
    }

    fn folder(&self) -> ModelFolder {
        ModelFolder::at(self.temp.path().join("models"))
    }

    fn pull(&self, files: &[ModelFile]) -> Result<PullReport, ModelsError> {
        pull(&self.folder(), files, &self.settings, &|_, _: PullEvent<'_>| {}, &|| false)
    }

    /// What happens, one word for each event but `Advanced`.
    fn watched(&self, files: &[ModelFile]) -> (Result<PullReport, ModelsError>, Vec<String>) {
        let events = RefCell::new(Vec::new());
        let watch = |_, event: PullEvent<'_>| {
            let word = match event {
                PullEvent::Advanced { .. } => return,
                PullEvent::Started { size, resumed_at } => format!("started {resumed_at}/{size}"),
                PullEvent::Retrying { attempt, .. } => format!("try {attempt}"),
                PullEvent::Finished(source) => format!("{source:?}"),
                other => format!("{other:?}"),
            };
            events.borrow_mut().push(word);
        };
        let result = pull(&self.folder(), files, &self.settings, &watch, &|| false);
        (result, events.into_inner())
    }

    fn blobs(&self) -> PathBuf {
        self.settings.cache.join("models--FoivosPar--Arc2Face/blobs")
    }

    fn blob(&self) -> PathBuf {
        self.blobs().join(hex(&self.content))
    }

    fn part(&self) -> PathBuf {
        self.blobs().join(hex(&self.content) + ".part")
    }

    fn target(&self) -> PathBuf {
        self.folder().dir().join(LARGE.path())
    }
}

fn hub_error<T: std::fmt::Debug>(result: Result<T, ModelsError>) -> HubError {
    match result.unwrap_err() {
        ModelsError::Hub(error) => error,
        other => panic!("{other:?}"),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn all_files_come_through_the_cache() {
    let scene = Scene::new();
    let (report, events) = scene.watched(&[SMALL, LARGE]);
    let report = report.unwrap();
    assert_eq!(report.files.iter().map(|pulled| pulled.source).collect::<Vec<_>>(), [PullSource::Hub; 2]);
    assert_eq!(report.fetched(), 15 + scene.content.len() as u64);
    let size = scene.content.len();
    assert_eq!(events, ["started 0/15", "Hub", &format!("started 0/{size}"), "Verifying", "Hub"]);

    let [small, large] = scene.folder().require([SMALL, LARGE]).unwrap();
    assert_eq!(fs::read_to_string(&small).unwrap(), "{\"small\": true}");
    assert!(fs::read(&large).unwrap() == scene.content);
    assert_eq!(names(large.parent().unwrap()), ["pytorch_model.bin"]);

    // As other programs find it.
    let snapshot = scene.settings.cache.join("models--FoivosPar--Arc2Face/snapshots").join(COMMIT);
    assert!(fs::read(snapshot.join(LARGE.hub_path())).unwrap() == scene.content);
    let reference = scene.settings.cache.join("models--FoivosPar--Arc2Face/refs/main");
    assert_eq!(fs::read_to_string(reference).unwrap(), COMMIT);
    assert!(!scene.part().exists());
}

#[cfg(unix)]
#[test]
fn the_folder_and_the_cache_share_the_bytes() {
    use std::os::unix::fs::MetadataExt;

    let scene = Scene::new();
    scene.pull(&[LARGE]).unwrap();
    let inode = |path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(scene.target()), inode(scene.blob()));
}

#[test]
fn a_second_pull_downloads_nothing() {
    let scene = Scene::new();
    scene.pull(&[SMALL, LARGE]).unwrap();
    scene.hub.forget_requests();

    let report = scene.pull(&[SMALL, LARGE]).unwrap();
    assert_eq!(report.files.iter().map(|pulled| pulled.source).collect::<Vec<_>>(), [PullSource::Folder; 2]);
    assert_eq!((report.fetched(), scene.hub.downloads().len()), (0, 0));

    // Another folder has it from the cache.
    let other = ModelFolder::at(scene.temp.path().join("other"));
    let report = pull(&other, &[LARGE], &scene.settings, &|_, _: PullEvent<'_>| {}, &|| false).unwrap();
    assert_eq!((report.files[0].source, scene.hub.downloads().len()), (PullSource::Cache, 0));
    assert!(fs::read(other.path(LARGE).unwrap()).unwrap() == scene.content);
}

#[test]
fn a_file_of_the_size_that_the_catalogue_knows_needs_no_question() {
    let scene = Scene::new();
    let config = scene.folder().dir().join(ModelFile::EncoderConfig.path());
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(&config, " ".repeat(560)).unwrap();
    fs::write(config.with_file_name("model.safetensors"), "somebody's own").unwrap();
    let report = scene.pull(&[ModelFile::EncoderConfig, LARGE]).unwrap();
    assert_eq!(report.files.iter().map(|pulled| pulled.source).collect::<Vec<_>>(), [PullSource::Folder; 2]);
    assert!(report.files[1].path.ends_with("encoder/model.safetensors"));
    assert_eq!(scene.hub.requests().len(), 0);
}

#[test]
fn a_pointer_and_half_a_file_are_replaced() {
    let scene = Scene::new();
    fs::create_dir_all(scene.target().parent().unwrap()).unwrap();
    for old in [b"version https://git-lfs.github.com/spec/v1\n".as_slice(), &scene.content[..1000]] {
        fs::write(scene.target(), old).unwrap();
        scene.pull(&[LARGE]).unwrap();
        let size = scene.content.len() as u64;
        assert_eq!(scene.folder().presence(LARGE), Presence::Present { path: scene.target(), size });
        fs::remove_file(scene.target()).unwrap();
    }
}

#[test]
fn the_token_is_for_the_hub_alone() {
    let mut scene = Scene::new();
    scene.settings.token = Some("hf_secret".to_owned());
    scene.pull(&[SMALL, LARGE]).unwrap();
    let requests = scene.hub.requests();
    let (storage, hub): (Vec<_>, Vec<_>) = requests.iter().partition(|request| request.path.starts_with("/storage"));
    assert_eq!((storage.len(), hub.len()), (1, 4));
    assert!(storage.iter().all(|request| request.token.is_none()), "{storage:?}");
    assert!(hub.iter().all(|request| request.token.as_deref() == Some("hf_secret")), "{hub:?}");
}

#[test]
fn offline_only_the_cache_is_used() {
    let mut scene = Scene::new();
    scene.pull(&[LARGE]).unwrap();
    fs::remove_dir_all(scene.folder().dir()).unwrap();
    scene.hub.forget_requests();
    scene.settings.offline = true;

    let report = scene.pull(&[LARGE]).unwrap();
    assert_eq!((report.offline, report.files[0].source), (true, PullSource::Cache));
    assert!(fs::read(scene.target()).unwrap() == scene.content);
    // Now it is in the folder.
    assert_eq!(scene.pull(&[LARGE]).unwrap().files[0].source, PullSource::Folder);

    // What is not in the cache is named, after what is has been brought.
    fs::remove_file(scene.target()).unwrap();
    let error = hub_error(scene.pull(&[ModelFile::VaeConfig, LARGE, SMALL]));
    let text = error.to_string();
    assert!(text.contains("2 model files are not in the cache, and HF_HUB_OFFLINE forbids the network"), "{text}");
    assert!(
        text.contains("\n  vae/config.json (stable-diffusion-v1-5/stable-diffusion-v1-5: vae/config.json)"),
        "{text}"
    );
    assert!(scene.target().exists());
    assert!(matches!(hub_error(offer(LARGE, &scene.settings)), HubError::Offline { .. }));
    assert_eq!(scene.hub.requests().len(), 0);
}

#[test]
fn offline_a_damaged_cache_is_not_used() {
    let mut scene = Scene::new();
    scene.pull(&[LARGE]).unwrap();
    fs::remove_file(scene.target()).unwrap();
    let mut damaged = scene.content.clone();
    damaged[17] ^= 1;
    fs::write(scene.blob(), damaged).unwrap();
    scene.settings.offline = true;
    assert!(matches!(hub_error(scene.pull(&[LARGE])), HubError::Hash { removed: false, .. }));
    assert!(!scene.target().exists());

    // With the network it is fetched again.
    scene.settings.offline = false;
    assert_eq!(scene.pull(&[LARGE]).unwrap().files[0].source, PullSource::Hub);
    assert!(fs::read(scene.target()).unwrap() == scene.content);
}

#[test]
fn the_hub_tells_sizes_and_hashes() {
    let scene = Scene::new();
    let large = offer(LARGE, &scene.settings).unwrap();
    assert_eq!((large.size, large.sha256), (scene.content.len() as u64, Some(hex(&scene.content))));
    assert_eq!(large.commit, COMMIT);
    let small = offer(SMALL, &scene.settings).unwrap();
    assert_eq!((small.size, small.sha256), (15, None));
    assert_eq!(scene.hub.downloads().len(), 0);
}

#[test]
fn a_hash_shows_whether_a_file_is_the_catalogues() {
    let scene = Scene::new();
    let check = |file| verify(&scene.folder(), file, &|| false);
    assert_eq!(check(ModelFile::Vae).unwrap(), None);
    let vae = scene.folder().dir().join(ModelFile::Vae.path());
    fs::create_dir_all(vae.parent().unwrap()).unwrap();
    fs::write(&vae, "abc").unwrap();
    let (expected, found) = (ModelFile::Vae.sha256().unwrap(), hex(b"abc"));
    assert_eq!(check(ModelFile::Vae).unwrap(), Some(Verdict::Different { expected, found }));
    scene.pull(&[LARGE]).unwrap();
    assert_eq!(check(LARGE).unwrap(), Some(Verdict::Unknown { found: hex(&scene.content) }));
    let stopped = verify(&scene.folder(), LARGE, &|| true);
    assert!(matches!(hub_error(stopped), HubError::Cancelled { file: LARGE }));
}
