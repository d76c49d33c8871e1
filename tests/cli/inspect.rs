//! `moue inspect`

use crate::harness::{Bench, repository};

#[test]
fn json_has_everything_the_tracker_sees() {
    let bench = Bench::new();
    let portrait = repository("examples/portraits/astronaut.png");
    let seen = bench.run(&["inspect", portrait.to_str().unwrap(), "--json"]).succeeded().json();
    assert_eq!((&seen["width"], &seen["height"]), (&512.into(), &512.into()));
    let faces = seen["faces"].as_array().unwrap();
    assert_eq!(faces.len(), 1);
    let face = faces[0].as_object().unwrap();
    let keys: Vec<_> = face.keys().map(String::as_str).collect();
    assert_eq!(keys, ["blendshapes", "box", "landmarks", "pose", "score"]);
    assert!(face["score"].as_f64().unwrap() > 0.5);
    let [x, y, width, height] = [0, 1, 2, 3].map(|index| face["box"][index].as_f64().unwrap());
    assert!(x > 160.0 && y > 50.0 && x + width < 290.0 && y + height < 210.0, "around the face: {}", face["box"]);
    let landmarks = face["landmarks"].as_array().unwrap();
    assert_eq!(landmarks.len(), 478);
    assert!(landmarks.iter().all(|point| point.as_array().unwrap().len() == 3));
    let blendshapes = face["blendshapes"].as_object().unwrap();
    assert_eq!(blendshapes.len(), 52);
    assert!(blendshapes["mouthSmileLeft"].as_f64().unwrap() > 0.5, "she smiles");
    assert!(blendshapes["jawOpen"].as_f64().unwrap() < 0.3);
    let pose = face["pose"].as_array().unwrap();
    assert_eq!(pose.len(), 4);
    assert_eq!(pose[3], serde_json::json!([0.0, 0.0, 0.0, 1.0]));
    assert!(pose[2][3].as_f64().unwrap() < -20.0, "centimetres in front of the camera");
}

#[test]
fn people_get_a_short_description() {
    let bench = Bench::new();
    let ran = bench.run(&["inspect", "me.png"]);
    for word in ["me.png: 200x200 pixels, 1 face", "score", "yaw", "mouthSmile"] {
        assert!(ran.succeeded().stdout.contains(word), "{word} in {}", ran.stdout);
    }
    assert_eq!(ran.stderr, "");
}

#[test]
fn an_annotated_copy_is_drawn_and_never_over_another_file() {
    let bench = Bench::new();
    let ran = bench.run(&["inspect", "me.png", "--annotate", "seen.png"]);
    assert!(ran.succeeded().stderr.contains("wrote seen.png, enlarged"), "{}", ran.stderr);
    let (seen, original) = (image::open(bench.path("seen.png")).unwrap().to_rgb8(), crate::harness::head());
    assert_eq!((seen.width() % original.width(), seen.height() % original.height()), (0, 0));
    let yellow = seen.pixels().filter(|pixel| pixel[0] > 240 && pixel[1] > 190 && pixel[2] < 60).count();
    assert!(yellow > 500, "a box and a number: {yellow} pixels");

    bench.run(&["inspect", "me.png", "--annotate", "seen.png"]).failed(2, &["seen.png", "exists", "--overwrite"]);
    bench.run(&["inspect", "me.png", "--annotate", "seen.png", "--overwrite"]).succeeded();
    bench.run(&["inspect", "me.png", "--annotate", "seen.jpg"]).failed(2, &["seen.jpg", ".png"]);
    bench.run(&["inspect", "me.png", "--annotate", "nowhere/seen.png"]).failed(1, &["nowhere", "hint: "]);
}
