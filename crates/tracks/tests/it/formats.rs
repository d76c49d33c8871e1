//! Formats that the caller names, and what a file is taken for.

use std::fs;

use moue_tracks::{ContentKind, Format, ReadOptions, sniff_kind};

use crate::numpy::{npz, numbered};
use crate::{llf, llf_row};

fn as_format(format: Format, bytes: impl AsRef<[u8]>) -> Result<Format, String> {
    let options = ReadOptions { rate: None, format: Some(format) };
    options.read_bytes("take", bytes.as_ref()).map(|loaded| loaded.format).map_err(|error| error.to_string())
}

/// One small track of every format that is a file.
fn samples() -> Vec<(Format, Vec<u8>)> {
    let rows: Vec<String> = (0..3).map(|row| llf_row(&format!("00:00:00:0{row}.0"), 0.5, [0.1; 3])).collect();
    let mediapipe = r#"[{"faceBlendshapes":[{"categories":[{"score":0.5,"categoryName":"jawOpen"}]}]}]"#;
    let audio2face = r#"{"exportFps":30,"facsNames":["jawOpen"],"weightMat":[[0.5]]}"#;
    vec![
        (Format::Moue, b"time,jawOpen\n0,0.5\n".to_vec()),
        (Format::LiveLinkFace, llf(&rows).into_bytes()),
        (Format::MediaPipe, mediapipe.as_bytes().to_vec()),
        (Format::Audio2Face, audio2face.as_bytes().to_vec()),
        (Format::Audio2FaceCsv, b",timeCode,blendShapes.JawOpen\n0,0,1\n".to_vec()),
        (Format::IFacialMocap, b"jawOpen-50|\n".to_vec()),
        (Format::Npz, npz(&[("expression", numbered(2, 50)), ("jaw", numbered(2, 3))])),
        (Format::Vhap, npz(&[("expr", numbered(2, 100)), ("jaw_pose", numbered(2, 3))])),
        (Format::FlameHeadTracker, npz(&[("exp", numbered(1, 100)), ("eye_pose", numbered(1, 6))])),
        (Format::FlameArray, numbered(2, 55)),
        (Format::ArkitArray, numbered(2, 61)),
    ]
}

#[test]
fn every_format_is_recognised_and_may_be_named() {
    for (format, bytes) in samples() {
        assert_eq!(moue_tracks::read_bytes("take", &bytes).unwrap().format, format);
        assert_eq!(as_format(format, &bytes), Ok(format));
    }
}

#[test]
fn a_format_that_does_not_fit_is_refused_with_what_the_content_looks_like() {
    for (found, bytes) in samples() {
        for wanted in Format::ALL {
            match as_format(wanted, &bytes) {
                // VHAP's archives are archives; a table has more than one reading.
                Ok(_) => assert!(wanted == found || wanted == Format::Npz, "{wanted} reads {found}"),
                Err(message) => {
                    let says = format!(
                        "hint: the content looks like {}: leave the format out, or give {found}",
                        found.title()
                    );
                    let array = matches!(found, Format::FlameArray | Format::ArkitArray);
                    assert!(message.ends_with(&says) || array, "{wanted} for {found}: {message}");
                    assert_ne!(wanted, found);
                }
            }
        }
    }
    assert_eq!(
        as_format(Format::LiveLinkFace, "time,jawOpen\n0,1\n").unwrap_err(),
        "take, line 1: found the columns 'time', 'jawOpen', expected a column 'timecode'\nhint: the content looks like moue CSV: \
         leave the format out, or give moue"
    );
    assert_eq!(
        as_format(Format::Moue, numbered(2, 55)).unwrap_err(),
        "take: found a NumPy array, expected moue CSV\nhint: leave the format out: the content decides"
    );
    assert_eq!(
        as_format(Format::ArkitArray, numbered(2, 55)).unwrap_err(),
        "take: found an array of shape (2, 55), expected (T, 52), (T, 61) or (T, 51), T rows in Live Link Face's order\nhint: the \
         content looks like NumPy array of FLAME coefficients: leave the format out, or give flame-array"
    );
}

#[test]
fn a_named_format_reads_what_nothing_tells() {
    // Audio2Face's table without the prefix would be taken for Live Link Face.
    let table = "timeCode,jawOpen\n0,0.5\n0.5,1\n";
    assert_eq!(as_format(Format::Audio2FaceCsv, table), Ok(Format::Audio2FaceCsv));
    // A line that is none hides that this is iFacialMocap.
    let message = as_format(Format::IFacialMocap, "recorded today\njawOpen-1|\n").unwrap_err();
    assert!(message.starts_with("take, line 1: found 'recorded today', expected name-value"), "{message}");
    // An archive with little in it.
    let archive = npz(&[("exp", numbered(1, 100)), ("jaw_pose", numbered(1, 3))]);
    assert_eq!(moue_tracks::read_bytes("take", &archive).unwrap().format, Format::Npz);
    assert!(as_format(Format::FlameHeadTracker, &archive).is_ok() && as_format(Format::Vhap, &archive).is_err());
    // What is no track at all stays none.
    let video = as_format(Format::Moue, b"\x1a\x45\xdf\xa3").unwrap_err();
    assert!(video.starts_with("take: found a video, expected a table"), "{video}");
}

#[test]
fn kinds_follow_from_the_content_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (index, (bytes, kind)) in [
        (b"\0\0\0\x20ftypisom".to_vec(), ContentKind::Video),
        (b"GIF89a".to_vec(), ContentKind::Video),
        (b"\x89PNG\r\n\x1a\n".to_vec(), ContentKind::Picture),
        (b"RIFF\0\0\0\0WAVEfmt ".to_vec(), ContentKind::Sound),
        (b"time,jawOpen\n0,1\n".to_vec(), ContentKind::Track),
        (b"{}".to_vec(), ContentKind::Track),
        (b"jawOpen-1|\n".to_vec(), ContentKind::Track),
        (numbered(2, 55), ContentKind::Track),
        (npz(&[("a", numbered(2, 55))]), ContentKind::Track),
        (b"\x7fELF\x02\x01\x01\0".to_vec(), ContentKind::Unknown),
        (Vec::new(), ContentKind::Unknown),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{index}.mp4"));
        fs::write(&path, bytes).unwrap();
        assert_eq!(sniff_kind(&path).unwrap(), kind, "{index}");
    }
    let missing = sniff_kind(&folder.path().join("none")).unwrap_err().to_string();
    assert!(missing.contains("found no such file"), "{missing}");
    assert_eq!(sniff_kind(tempfile::tempdir().unwrap().path()).unwrap(), ContentKind::Unknown);
    assert_eq!(sniff_kind(std::path::Path::new("/dev/null")).unwrap(), ContentKind::Track);
}
