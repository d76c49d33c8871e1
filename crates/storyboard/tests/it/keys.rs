use crate::given::{board, whole};

const HEAD: &str =
    "moue: 1\ncast: {ada: ada.png, bo: {portrait: bo.png, seed: 4}}\ndefaults: {character: ada}\nshots:\n";

fn keys(shots: &str) -> Vec<moue_storyboard::ShotKey> {
    let storyboard = whole(&format!("{HEAD}{shots}"), None).unwrap_or_else(|wrong| panic!("{wrong}")).0;
    (0..storyboard.shots.len()).map(|shot| storyboard.key(shot)).collect()
}

const SHOT: &str = "- {caption: a, length: 2s, beats: at 1s to delight}\n";

#[test]
fn a_key_is_that_of_what_is_seen_wherever_the_shot_stands() {
    let alone = keys(SHOT);
    let among = keys(&format!("- {{length: 1.234s, caption: other}}\n{SHOT}"));
    assert_eq!(among[1], alone[0]);
    assert_ne!(among[0], alone[0]);
    // What is written and heard, and how the film comes to the shot, changes none of its frames.
    let same = ["sound: a.wav", "dialogue: b", "transition: fade 1s"];
    // They change the seed of what the face does by itself, so that is off here.
    let quiet =
        |more: &str| keys(&format!("- {{length: 5s, blink: false, idle: false, beats: at 1s to delight{more}}}\n"));
    for more in same {
        assert_eq!(quiet(&format!(", {more}")), quiet(""), "{more}");
    }
    assert_eq!(quiet(", name: x"), quiet(""));
}

#[test]
fn a_key_changes_with_everything_that_is_seen() {
    let base = keys(SHOT).remove(0);
    for changed in [
        "- {caption: a, length: 2.2s, beats: at 1s to delight}\n",
        "- {caption: a, length: 2s, beats: at 1.04s to delight}\n",
        "- {caption: a, length: 2s, beats: at 1s to delight*0.9}\n",
        "- {caption: a, length: 2s, beats: \"at 1s to delight, ease linear\"}\n",
        "- {caption: a, length: 2s, beats: \"at 1s to delight, over 0.4s\"}\n",
        "- {caption: a, length: 2s, beats: at 1s also delight}\n",
        "- {caption: a, length: 2s, beats: at 1s to delight, framing: head}\n",
        "- {caption: a, length: 2s, beats: at 1s to delight, character: bo}\n",
        "- {caption: a, length: 2s, beats: at 1s to delight, seed: 2}\n",
        "- {caption: a, length: 2s, beats: at 1s to delight, blink: false}\n",
        "- {caption: a, length: 2s, beats: at 1s to delight, motion: {file: a.csv, length: 1s}}\n",
        "- {caption: a, length: 2s, beats: at 1s to delight}\n- {transition: dissolve 0.4s}\n",
    ] {
        assert_ne!(keys(changed)[0].content, base.content, "{changed}");
    }
    let text = |head: &str| whole(&format!("moue: 1\n{head}\nshots:\n{SHOT}"), None).unwrap().0.key(0).content;
    let cast = "cast: {ada: ada.png}";
    let others = [
        format!("{cast}\noutput: {{size: 64x64}}"),
        format!("{cast}\noutput: {{fps: 30}}"),
        format!("{cast}\noutput: {{renderer: diffusion}}"),
        format!("{cast}\noutput: {{background: white}}"),
        format!("{cast}\noutput: {{relative: true}}"),
        format!("{cast}\noutput: {{diffusion: {{steps: 9}}}}"),
        "cast: {ada: {portrait: ada.png, rest: smile}}".to_owned(),
        "cast: {ada: {portrait: ada.png, face: 2}}".to_owned(),
        "cast: {ada: {portrait: ada.png, seed: 2}}".to_owned(),
    ];
    for other in others {
        assert_ne!(text(&other), text(cast), "{other}");
    }
    // The same picture under another name is told apart by what is in it, not by its name.
    assert_eq!(text("cast: {ada: bob.png}"), text(cast));
}

#[test]
fn what_leads_to_a_shot_counts_and_its_files_are_named() {
    let shots = |first: &str| {
        keys(&format!("- {{length: 2s, {first}}}\n- {{carry: true, length: 1s}}\n- {{carry: true, length: 1s}}\n"))
    };
    let base = shots("beats: at 1s to delight");
    let changed = shots("beats: at 1s to doubt");
    assert!(base[1] != changed[1] && base[2] != changed[2]);
    assert_eq!(shots("beats: at 1s to delight, caption: b")[1].files, base[1].files);
    let moved = shots("motion: [{file: a.csv, length: 0.5s}, {file: b.csv, at: 1s}]");
    let names =
        |key: &moue_storyboard::ShotKey| key.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
    assert_eq!(names(&moved[0]), ["ada.png", "a.csv", "b.csv"]);
    // What is over before the first shot's end leads nowhere.
    assert_eq!(names(&moved[2]), ["ada.png", "b.csv"]);
    assert!(moved[2].content.len() < 2000, "{}", moved[2].content);
}

#[test]
fn keys_are_json_with_sorted_keys() {
    let key = board("shots: [{beats: at 1s to jawOpen*0.5}]").key(0).content;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&key).unwrap().to_string(), key);
    assert!(
        key.contains(r#"{"channels":[],"ease":"linear","kind":"express","pose":{"jawOpen":0.5},"start":0}"#),
        "{key}"
    );
}
