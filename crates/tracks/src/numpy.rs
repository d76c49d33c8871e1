//! FLAME coefficients in NumPy's files: one array (`.npy`) or several with names (`.npz`).
//!
//! # Arrays
//! T rows, one per frame, of float32, float64 or float16, in either byte order and either memory order.
//!
//! | shape | columns |
//! | --- | --- |
//! | (T, 55) | 50 expression components, eyelids left and right, jaw x, y, z: `FlameChannel`'s order |
//! | (T, 53) | 50 expression components, jaw x, y, z: what speech-driven models such as EMOTE give |
//! | (T, 50) | 50 expression components |
//!
//! # Names in a `.npz`
//! In any casing: `flame` for one of the shapes above; or the parts, each optional, with equally many rows:
//!
//! | names | shape |
//! | --- | --- |
//! | `expression`, `exp`, `expr`, `expression_params` | (T, 50), or (T, 100), which is cut to the first 50 |
//! | `eyelids`, `eyelid`, `eyelid_params` | (T, 2), left and right |
//! | `jaw`, `jaw_pose`, `jaw_params` | (T, 3) |
//! | `pose` | (T, 6), the head's rotation, which is left out, then the jaw's: DECA, EMOCA. Only without a jaw |
//! | `fps` | one number: rows per second, rounded to three decimals |
//!
//! An archive that has one array besides `fps` may call it anything. Other arrays are ignored and named in a note.

mod archive;
mod array;
mod columns;
mod header;

use std::io::Read;

use moue_timeline::{FrameRate, nearest_name};

use crate::error::quoted;
use crate::header::listed;
use crate::{LoadedTrack, ReadOptions, TrackError, TrackKind};
use archive::Archive;
use array::Array;
use columns::{build, parts, whole};

pub(crate) use array::MAGIC;

/// What an array of an archive is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Flame,
    Expression,
    Eyelids,
    Jaw,
    Pose,
    Rate,
}

const EXPECTED_NAMES: &str = "one array, or some named flame, expression, eyelids, jaw";

pub(crate) fn read_npy(file: &str, input: impl Read, options: ReadOptions) -> Result<LoadedTrack, TrackError> {
    let array = Array::read(file, None, input)?;
    let mut notes = Vec::new();
    let parts = whole(file, &array, &mut notes)?;
    build(file, TrackKind::Npy, &parts, rate(None, options, &mut notes), notes)
}

pub(crate) fn read_npz(file: &str, input: impl Read, options: ReadOptions) -> Result<LoadedTrack, TrackError> {
    let mut archive = Archive::open(file, input)?;
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let find = |wanted: Role| find(file, &names, wanted);
    let mut notes = Vec::new();

    let fps = find(Role::Rate)?;
    let others: Vec<usize> = (0..names.len()).filter(|member| Some(*member) != fps).collect();
    let fps = fps.map(|member| fps_of(file, &archive.read(member)?)).transpose()?;
    let single = match (others.as_slice(), find(Role::Flame)?) {
        (_, Some(flame)) => Some(archive.read(flame)?),
        ([only], None) => {
            let array = archive.read(*only)?;
            let is_part = role(&names[*only]).is_some() && !matches!(array.shape[..], [_, 50 | 53 | 55]);
            (!is_part).then_some(array)
        }
        _ => None,
    };
    let mut arrays = Vec::new();
    if single.is_none() {
        for role in [Role::Expression, Role::Eyelids, Role::Jaw] {
            if let Some(member) = find(role)? {
                arrays.push((role, archive.read(member)?));
            }
        }
        if let (false, Some(member)) = (arrays.iter().any(|(role, _)| *role == Role::Jaw), find(Role::Pose)?) {
            let pose = archive.read(member)?;
            if matches!(pose.shape[..], [_, 6]) {
                arrays.push((Role::Pose, pose));
            }
        }
    }
    let used: Vec<&str> =
        single.iter().chain(arrays.iter().map(|(_, array)| array)).filter_map(|a| a.name.as_deref()).collect();
    let ignored = || others.iter().map(|member| names[*member].as_str()).filter(|name| !used.contains(name));
    if used.is_empty() {
        return Err(unknown_names(file, &names));
    }
    if ignored().next().is_some() {
        notes.push(format!("ignored arrays: {}", listed(ignored())));
    }
    let parts = match &single {
        Some(array) => whole(file, array, &mut notes)?,
        None => parts(file, &arrays, &mut notes)?,
    };
    build(file, TrackKind::Npz, &parts, rate(fps, options, &mut notes), notes)
}

fn role(name: &str) -> Option<Role> {
    match name.to_ascii_lowercase().as_str() {
        "flame" => Some(Role::Flame),
        "expression" | "exp" | "expr" | "expression_params" => Some(Role::Expression),
        "eyelids" | "eyelid" | "eyelid_params" => Some(Role::Eyelids),
        "jaw" | "jaw_pose" | "jaw_params" => Some(Role::Jaw),
        "pose" => Some(Role::Pose),
        "fps" => Some(Role::Rate),
        _ => None,
    }
}

/// The only array with the role `wanted`, if there is one.
fn find(file: &str, names: &[String], wanted: Role) -> Result<Option<usize>, TrackError> {
    let mut members = (0..names.len()).filter(|member| role(&names[*member]) == Some(wanted));
    let (first, second) = (members.next(), members.next());
    if let (Some(first), Some(second)) = (first, second) {
        let found = format!("the arrays {}", listed([names[first].as_str(), names[second].as_str()].into_iter()));
        return Err(TrackError::whole_file(file, found, "one of them", "they mean the same: keep one"));
    }
    Ok(first)
}

fn unknown_names(file: &str, names: &[String]) -> TrackError {
    let known = ["flame", "expression", "eyelids", "jaw"];
    let near = names.iter().find_map(|name| Some((name, nearest_name(name, known)?)));
    let hint = match near {
        Some((name, near)) => format!("rename {} to '{near}'", quoted(name)),
        None => "np.savez(path, expression=..., eyelids=..., jaw=...) names them".to_owned(),
    };
    let found = format!("the arrays {}", listed(names.iter().map(String::as_str)));
    TrackError::whole_file(file, found, EXPECTED_NAMES, hint)
}

fn fps_of(file: &str, array: &Array) -> Result<FrameRate, TrackError> {
    let error = |found: String| {
        let expected = "one number of rows per second, from 0.1 to 1000";
        TrackError::new(file, array.place(), found, expected, "save it as np.savez(path, fps=30, ...)")
    };
    let fps = array.scalar().ok_or_else(|| error(array.shape_text()))?;
    // Three decimals tell 29.97 from 30, and a mean over a recording has any number of them.
    format!("{fps:.3}").parse().map_err(|_| error(fps.to_string()))
}

fn rate(fps: Option<FrameRate>, options: ReadOptions, notes: &mut Vec<String>) -> FrameRate {
    fps.or(options.rate).unwrap_or_else(|| {
        notes.push("arrays have no times: taken as 30 rows per second; a .npz may say otherwise with fps".to_owned());
        FrameRate::FPS_30
    })
}
