//! What goes wrong on the way.

use std::{cell::Cell, net::TcpListener, time::Instant};

use super::*;
use server::Fault;

#[test]
fn a_download_goes_on_where_the_connection_ended() {
    let scene = Scene::new();
    scene.hub.faults(&[Fault::Cut(1_000_000), Fault::Cut(2_000_000)]);
    let (report, events) = scene.watched(&[LARGE]);
    let size = scene.content.len();
    assert_eq!(report.unwrap().fetched(), size as u64);
    assert_eq!(events, [&format!("started 0/{size}"), "try 2", "try 2", "Verifying", "Hub"]);
    let ranges: Vec<_> = scene.hub.downloads().into_iter().filter_map(|request| request.range).collect();
    // Each is asked of the hub and, with the redirect, of its storage.
    assert_eq!(ranges, ["bytes=1000000-", "bytes=1000000-", "bytes=3000000-", "bytes=3000000-"]);
    assert!(fs::read(scene.target()).unwrap() == scene.content);
}

#[test]
fn the_next_pull_goes_on_where_the_last_one_gave_up() {
    let mut scene = Scene::new();
    scene.settings.tries = 1;
    scene.hub.faults(&[Fault::Cut(1_000_000)]);
    let error = hub_error(scene.pull(&[LARGE]));
    assert!(matches!(error, HubError::GaveUp { tries: 1, bytes: 1_000_000, size: 6_000_000, .. }), "{error:?}");
    assert!(!scene.target().exists() && !scene.blob().exists());
    assert_eq!(fs::metadata(scene.part()).unwrap().len(), 1_000_000);

    let (report, events) = scene.watched(&[LARGE]);
    assert_eq!(report.unwrap().fetched(), 5_000_000);
    assert_eq!(events[0], "started 1000000/6000000");
    assert!(fs::read(scene.target()).unwrap() == scene.content);
}

#[test]
fn a_server_that_cannot_resume_begins_again() {
    let scene = Scene::new();
    scene.hub.faults(&[Fault::Cut(1_000_000), Fault::WholeCut(500_000)]);
    let report = scene.pull(&[LARGE]).unwrap();
    assert_eq!(report.fetched(), 1_000_000 + 500_000 + 5_500_000);
    assert!(fs::read(scene.target()).unwrap() == scene.content);
}

#[test]
fn a_server_that_never_gets_further_is_given_up() {
    let scene = Scene::new();
    let faults: Vec<_> = [3, 2, 1, 3, 2, 1, 3].map(Fault::WholeCut).into();
    scene.hub.faults(&faults);
    let error = hub_error(scene.pull(&[LARGE]));
    assert!(matches!(error, HubError::GaveUp { tries: 5, .. }), "{error:?}");
}

#[test]
fn a_server_that_falls_silent_is_asked_again() {
    let mut scene = Scene::new();
    scene.settings.patience = Duration::from_secs(1);
    scene.hub.faults(&[Fault::Silence(1_000_000)]);
    let begun = Instant::now();
    let (report, events) = scene.watched(&[LARGE]);
    assert_eq!(report.unwrap().fetched(), 6_000_000);
    assert_eq!(events[1], "try 2");
    assert!(begun.elapsed() < server::SILENCE / 2, "{:?}", begun.elapsed());
}

#[test]
fn an_overloaded_storage_is_asked_again_and_a_refusing_one_too() {
    let scene = Scene::new();
    scene.hub.faults(&[Fault::Status(503), Fault::Status(403)]);
    let (report, events) = scene.watched(&[LARGE]);
    report.unwrap();
    assert_eq!(events[1..3], ["try 2", "try 3"]);
}

#[test]
fn an_overloaded_hub_is_asked_so_many_times() {
    let scene = Scene::new();
    scene.hub.refuse(Some(503));
    let error = hub_error(scene.pull(&[LARGE]));
    assert!(matches!(&error, HubError::Unreachable { reason, .. } if reason == "the hub answered 503"), "{error:?}");
    assert_eq!(scene.hub.requests().len(), 5);
}

#[test]
fn a_wrong_content_does_not_stay() {
    let scene = Scene::new();
    let mut wrong = scene.content.clone();
    wrong[3_000_000] ^= 1;
    scene.hub.tamper(&scene.content, &wrong);
    let error = hub_error(scene.pull(&[LARGE]));
    let HubError::Hash { expected, found, removed: true, .. } = &error else { panic!("{error:?}") };
    assert_eq!((expected, found), (&hex(&scene.content), &hex(&wrong)));
    assert!(!scene.target().exists() && !scene.blob().exists() && !scene.part().exists());

    scene.hub.tamper(&scene.content, &scene.content);
    assert_eq!(scene.pull(&[LARGE]).unwrap().fetched(), 6_000_000);
}

#[test]
fn another_file_than_the_catalogue_knows_is_not_even_fetched() {
    let scene = Scene::new();
    scene.hub.put(ModelFile::Vae, b"another", true);
    let error = hub_error(scene.pull(&[ModelFile::Vae]));
    assert!(matches!(&error, HubError::Changed { found, .. } if *found == hex(b"another")), "{error:?}");
    assert_eq!(scene.hub.downloads().len(), 0);
}

#[test]
fn a_page_in_the_place_of_the_file_is_seen_by_its_size() {
    let scene = Scene::new();
    scene.hub.faults(&[Fault::Page(900)]);
    let text = hub_error(scene.pull(&[SMALL])).to_string();
    assert!(text.contains("found 900 bytes from"), "{text}");
    assert!(!scene.folder().dir().join(SMALL.path()).exists());
}

#[test]
fn what_the_hub_does_not_have_or_give() {
    let mut scene = Scene::new();
    let error = hub_error(scene.pull(&[ModelFile::Recogniser]));
    assert!(matches!(error, HubError::NotFound { file: ModelFile::Recogniser, status: 404, .. }), "{error:?}");
    // The address is that of the hub's own layout.
    assert!(error.to_string().contains("/FoivosPar/Arc2Face/resolve/main/arcface.onnx"), "{error}");

    scene.hub.refuse(Some(401));
    let text = hub_error(scene.pull(&[LARGE])).to_string();
    assert!(text.contains("the hub answered 401"), "{text}");
    assert!(text.ends_with("accept its licence in a browser if it has one, then set HF_TOKEN"), "{text}");
    scene.settings.token = Some("hf_old".to_owned());
    let text = hub_error(scene.pull(&[LARGE])).to_string();
    assert!(text.contains("is not valid for FoivosPar/Arc2Face") && !text.contains("hf_old"), "{text}");
    scene.hub.refuse(Some(403));
    let text = hub_error(scene.pull(&[LARGE])).to_string();
    assert!(text.contains("accept its licence, then set HF_TOKEN"), "{text}");
    // None of these is tried twice.
    assert_eq!(scene.hub.requests().len(), 4);
}

#[test]
fn no_way_to_the_hub_is_said_at_once() {
    let mut scene = Scene::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    scene.settings.endpoint = format!("http://127.0.0.1:{port}");
    scene.settings.pause = Duration::from_secs(60);
    let error = hub_error(scene.pull(&[LARGE]));
    assert!(matches!(error, HubError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("hint: check the network"), "{error}");
}

#[test]
fn it_stops_when_asked_and_keeps_what_it_has() {
    let scene = Scene::new();
    scene.hub.faults(&[Fault::Silence(3_000_000)]);
    let bytes = Cell::new(0);
    let watch = |_, event: PullEvent<'_>| {
        if let PullEvent::Started { .. } = event {
            bytes.set(1);
        }
    };
    // The third look after the start: some chunks are here.
    let cancel = || {
        let seen = bytes.get();
        bytes.set(if seen > 0 { seen + 1 } else { 0 });
        seen > 3
    };
    let error = hub_error(pull(&scene.folder(), &[LARGE], &scene.settings, &watch, &cancel));
    assert!(matches!(error, HubError::Cancelled { file: LARGE }), "{error:?}");
    let kept = fs::metadata(scene.part()).unwrap().len();
    assert!(kept > 0 && !scene.target().exists());
    assert_eq!(scene.pull(&[LARGE]).unwrap().fetched(), 6_000_000 - kept);
}

#[test]
fn two_at_once_fetch_it_once() {
    let scene = Scene::new();
    scene.hub.hold(true);
    let pull_into = |name: &str, waited: &dyn Fn()| {
        let folder = ModelFolder::at(scene.temp.path().join(name));
        let watch = |_, event: PullEvent<'_>| {
            if event == PullEvent::Waiting {
                waited();
            }
        };
        pull(&folder, &[LARGE], &scene.settings, &watch, &|| false).unwrap()
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| pull_into("first", &|| panic!("nobody else fetches")));
        while !scene.hub.downloads().iter().any(|request| request.path.starts_with("/storage")) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Only when the second one waits does the first one get its bytes.
        let second = scope.spawn(|| pull_into("second", &|| scene.hub.hold(false)));
        assert_eq!(first.join().unwrap().fetched(), 6_000_000);
        assert_eq!(second.join().unwrap().files[0].source, PullSource::Cache);
    });
}

/// `/dev/full` is a disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_called_so() {
    let scene = Scene::new();
    fs::create_dir_all(scene.blobs()).unwrap();
    std::os::unix::fs::symlink("/dev/full", scene.part()).unwrap();
    let text = scene.pull(&[LARGE]).unwrap_err().to_string();
    assert!(text.starts_with(&scene.part().display().to_string()), "{text}");
    assert!(text.contains("hint: the disk is full: make room"), "{text}");
}

#[test]
fn a_file_that_the_hub_has_not_is_told_where_it_is() {
    let scene = Scene::new();
    let file = ModelFile::Smirk;
    for error in [hub_error(scene.pull(&[file])), hub_error(offer(file, &scene.settings))] {
        assert!(matches!(error, HubError::Elsewhere { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("smirk/SMIRK_em1.pt: ") && text.contains("hint: https://github.com/"), "{text}");
    }
    assert!(scene.hub.requests().is_empty(), "nobody is asked");
    let path = scene.folder().dir().join(file.path());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "tensors").unwrap();
    let report = scene.pull(&[file]).unwrap();
    assert_eq!((&report.files[0].path, report.files[0].source), (&path, PullSource::Folder));
}
