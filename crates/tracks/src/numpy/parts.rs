//! What the arrays of an archive are for, by their names.

use std::io::{Read, Seek};

use moue_timeline::{Channel, FlameChannel, FrameRate, HeadAxis, nearest_name};

use super::archive::Archive;
use super::array::{Accept, RawArray};
use super::layout;
use super::rows::{Columns, Part, Rows, collect};
use crate::error::quoted;
use crate::header::{COMPARED, listed};
use crate::{Format, LONGEST_GAP, Place, TrackError};

/// What an array is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Flame,
    Expression,
    Eyelids,
    Jaw,
    /// The head's and the jaw's rotation vectors.
    Pose,
    /// The head's rotation vector.
    Rotation,
    Neck,
    /// Yaw, pitch and roll.
    Head,
    Arkit,
    ArkitNames,
    Scores,
    Times,
    Rate,
}

impl Role {
    fn of(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "flame" => Self::Flame,
            "expression" | "exp" | "expr" | "expression_params" => Self::Expression,
            "eyelids" | "eyelid" | "eyelid_params" => Self::Eyelids,
            "jaw" | "jaw_pose" | "jaw_params" => Self::Jaw,
            "pose" => Self::Pose,
            "rotation" | "head_pose" | "pose_params" => Self::Rotation,
            "neck_pose" => Self::Neck,
            "head" => Self::Head,
            "arkit" => Self::Arkit,
            "arkit_names" => Self::ArkitNames,
            "blendshape_scores" => Self::Scores,
            "times" => Self::Times,
            "fps" => Self::Rate,
            _ => return None,
        })
    }

    /// Those that drive something, each after what makes it redundant.
    const PARTS: [Self; 10] = [
        Self::Expression,
        Self::Eyelids,
        Self::Jaw,
        Self::Pose,
        Self::Head,
        Self::Rotation,
        Self::Neck,
        Self::Arkit,
        Self::ArkitNames,
        Self::Scores,
    ];
}

const EXPECTED_NAMES: &str = "one array, or some named flame, expression, eyelids, jaw, arkit";
const NAME_THEM: &str = "np.savez(path, expression=..., eyelids=..., jaw=...) names them";

/// The rows of an archive, as `wanted` or as what its names tell. Where `one_frame`, arrays of one dimension are a row.
pub(crate) fn of_archive<R: Read + Seek>(
    file: &str,
    archive: &mut Archive<'_, R>,
    wanted: Option<Format>,
    one_frame: bool,
) -> Result<Rows, TrackError> {
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let guess = guess(&names);
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let fits = |wanted: Format| match wanted {
        Format::Vhap => has("expr"),
        Format::FlameHeadTracker => has("exp"),
        _ => true,
    };
    if let Some(wanted) = wanted.filter(|wanted| !fits(*wanted)) {
        return Err(TrackError::misfit(file, guess, wanted));
    }
    let find = |wanted: Role| find(file, &names, wanted);
    let mut read = |member: usize, accept| {
        let array = archive.read(member, accept)?;
        Ok::<_, TrackError>(if one_frame { array.with_row() } else { array })
    };
    let rate = find(Role::Rate)?.map(|member| fps(file, &read(member, Accept::Numbers)?)).transpose()?;
    let times = find(Role::Times)?.map(|member| read(member, Accept::Numbers)).transpose()?;
    let has_no_data = |name: &String| matches!(Role::of(name), Some(Role::Rate | Role::Times));
    let others: Vec<usize> = (0..names.len()).filter(|member| !has_no_data(&names[*member])).collect();
    // An array that holds all there is, or the only one.
    let mut first = match (find(Role::Flame)?, others.as_slice()) {
        (Some(flame), _) => Some(read(flame, Accept::Numbers)?),
        (None, [only]) => Some(read(*only, Accept::Numbers)?),
        _ => None,
    };
    let whole = |array: &RawArray| match (array.name.as_deref().and_then(Role::of), &array.shape[..]) {
        (Some(Role::Flame) | None, _) => true,
        (Some(Role::Arkit), shape) => matches!(shape, [_, 51 | 52 | 61]),
        (_, shape) => matches!(shape, [_, 50 | 53 | 55]),
    };
    let (mut rows, used) = match first.take_if(|array| whole(array)) {
        Some(array) => {
            let rows = layout::whole(file, &array, wanted)?;
            (rows, array.name.into_iter().collect())
        }
        None => {
            if let Some(wanted) = wanted.filter(|wanted| layout::is_layout(*wanted)) {
                return Err(TrackError::misfit(file, guess, wanted));
            }
            let members = choose(file, &names)?;
            let arrays = members.into_iter().map(|(role, member)| {
                let accept = if role == Role::ArkitNames { Accept::NumbersAndText } else { Accept::Numbers };
                // Where there is a first, there is no other.
                Ok((role, first.take().map_or_else(|| read(member, accept), Ok)?))
            });
            let mut arrays = arrays.collect::<Result<Vec<_>, TrackError>>()?;
            arrays.retain(is_what_its_name_says);
            if arrays.is_empty() {
                return Err(unknown_names(file, &names));
            }
            (of_parts(file, &arrays)?, arrays.into_iter().filter_map(|(_, array)| array.name).collect::<Vec<_>>())
        }
    };
    rows.format = guess;
    let ignored = || others.iter().map(|member| &names[*member]).filter(|name| !used.contains(name));
    if ignored().next().is_some() {
        rows.notes.insert(0, format!("ignored arrays: {}", listed(ignored().map(String::as_str))));
    }
    rows.times = times.map(|times| seconds(file, &times, rows.count)).transpose()?;
    rows.rate = rate;
    Ok(rows)
}

/// The rows of the arrays that one frame of EMOCA or DECA has: an expression and a pose.
pub(crate) fn of_frame(file: &str, expression: RawArray, pose: Option<RawArray>) -> Result<Rows, TrackError> {
    let mut arrays = vec![(Role::Expression, expression.with_row())];
    arrays.extend(pose.map(|pose| (Role::Pose, pose.with_row())));
    let mut rows = of_parts(file, &arrays)?;
    rows.format = Format::Emoca;
    Ok(rows)
}

/// Which program the archive comes from.
pub(crate) fn format<R: Read + Seek>(archive: &Archive<'_, R>) -> Format {
    guess(&archive.names().map(str::to_owned).collect::<Vec<_>>())
}

fn guess(names: &[String]) -> Format {
    let has = |name: &str| names.iter().any(|other| other == name);
    match () {
        () if has("expr") => Format::Vhap,
        () if has("exp") && (has("eye_pose") || has("head_pose")) => Format::FlameHeadTracker,
        () => Format::Npz,
    }
}

/// The arrays that are read, by their names: no two drive the same.
fn choose(file: &str, names: &[String]) -> Result<Vec<(Role, usize)>, TrackError> {
    let mut chosen: Vec<(Role, usize)> = Vec::new();
    for role in Role::PARTS {
        let has = |other: Role| chosen.iter().any(|(role, _)| *role == other);
        let redundant = match role {
            Role::Pose => has(Role::Jaw),
            // Elsewhere the name may mean anything.
            Role::Rotation => has(Role::Head) || has(Role::Pose) || !has(Role::Expression),
            Role::Neck => !has(Role::Rotation),
            Role::Scores => has(Role::Arkit),
            Role::ArkitNames => !has(Role::Arkit),
            _ => false,
        };
        if !redundant && let Some(member) = find(file, names, role)? {
            chosen.push((role, member));
        }
    }
    Ok(chosen)
}

/// Whether an array whose name is used for other things too has the shape that is meant here.
fn is_what_its_name_says((role, array): &(Role, RawArray)) -> bool {
    match role {
        Role::Pose => matches!(array.shape[..], [_, 6]),
        Role::Rotation | Role::Neck => matches!(array.shape[..], [_, 3]),
        Role::Scores => matches!(array.shape[..], [_, 52]),
        _ => true,
    }
}

/// The rows of arrays that hold a part each.
fn of_parts(file: &str, arrays: &[(Role, RawArray)]) -> Result<Rows, TrackError> {
    let get = |wanted: Role| arrays.iter().find(|(role, _)| *role == wanted).map(|(_, array)| array);
    let mut notes = Vec::new();
    let mut parts = Vec::new();
    for (role, array) in arrays {
        match role {
            Role::Expression => {
                let width = width(file, array, 50..=100, "(T, 50), or up to (T, 100)")?;
                if width > 50 {
                    let note = format!("the expression has {width} components: those after the first 50 are left out");
                    notes.push(note);
                }
                parts.push(Part::flame(array, 0, FlameChannel::EXPRESSION));
                if array.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("expr")) {
                    notes.push(VHAP.to_owned());
                }
            }
            Role::Eyelids => {
                width(file, array, 2..=2, "(T, 2), left and right")?;
                parts.push(Part::flame(array, 0, FlameChannel::EYELIDS));
            }
            Role::Jaw => {
                width(file, array, 3..=3, "(T, 3), a rotation vector per row")?;
                parts.push(Part::flame(array, 0, FlameChannel::JAW));
            }
            Role::Pose => {
                width(file, array, 6..=6, "(T, 6), rotation vectors of the head and of the jaw")?;
                notes.push("'pose' is the head's rotation, then the jaw's".to_owned());
                parts.push(Part::flame(array, 3, FlameChannel::JAW));
                parts.push(Part { array, columns: Columns::Rotation(0) });
            }
            Role::Rotation => {
                if array.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("rotation")) {
                    notes.push("'rotation' is taken for the head's as a single camera sees it".to_owned());
                }
                parts.push(Part { array, columns: Columns::Rotation(0) });
            }
            Role::Head => {
                width(file, array, 3..=3, "(T, 3), yaw, pitch and roll in radians")?;
                let axes = HeadAxis::ALL.map(Channel::Head).into_iter().enumerate().collect();
                parts.push(Part { array, columns: Columns::Channels(axes) });
            }
            Role::Arkit => parts.push(layout::named(file, array, get(Role::ArkitNames), &mut notes)?),
            Role::Scores => {
                let shapes = layout::sorted().enumerate().map(|(index, channel)| (index + 1, channel)).take(51);
                parts.push(Part { array, columns: Columns::Channels(shapes.collect()) });
            }
            Role::Neck | Role::ArkitNames | Role::Flame | Role::Times | Role::Rate => {}
        }
    }
    let tracked_head = get(Role::Head).is_some();
    let rows = collect(file, Format::Npz, &parts, get(Role::Neck), notes)?;
    Ok(if tracked_head { Rows { keeps_head: true, ..rows } } else { rows })
}

const VHAP: &str = "'expr' is VHAP's name, which fits FLAME 2023 unless told otherwise: the adapter was trained on FLAME \
                    2020, whose components are others, so expressions may differ";

/// The second dimension of an array of two, which has to lie in `widths`.
fn width(
    file: &str,
    array: &RawArray,
    widths: std::ops::RangeInclusive<usize>,
    expected: &str,
) -> Result<usize, TrackError> {
    match array.shape[..] {
        [_, width] if widths.contains(&width) => Ok(width),
        _ => {
            let hint = "rows are frames, columns are coefficients; array.squeeze() drops dimensions of length 1";
            Err(TrackError::new(file, array.place(), array.shape_text(), expected, hint))
        }
    }
}

/// The only array with the role `wanted`, if there is one.
fn find(file: &str, names: &[String], wanted: Role) -> Result<Option<usize>, TrackError> {
    let mut members = (0..names.len()).filter(|member| Role::of(&names[*member]) == Some(wanted));
    let (first, second) = (members.next(), members.next());
    if let (Some(first), Some(second)) = (first, second) {
        let found = format!("the arrays {}", listed([names[first].as_str(), names[second].as_str()].into_iter()));
        return Err(TrackError::whole_file(file, found, "one of them", "they mean the same: keep one"));
    }
    Ok(first)
}

fn unknown_names(file: &str, names: &[String]) -> TrackError {
    let known = ["flame", "expression", "eyelids", "jaw", "arkit"];
    let near = names.iter().take(COMPARED).find_map(|name| Some((name, nearest_name(name, known)?)));
    let hint = match near {
        Some((name, near)) => format!("rename {} to '{near}'", quoted(name)),
        None => NAME_THEM.to_owned(),
    };
    let found = format!("the arrays {}", listed(names.iter().map(String::as_str)));
    TrackError::whole_file(file, found, EXPECTED_NAMES, hint)
}

fn fps(file: &str, array: &RawArray) -> Result<FrameRate, TrackError> {
    let error = |found: String| {
        let expected = "one number of rows per second, from 0.1 to 1000";
        TrackError::new(file, array.place(), found, expected, "save it as np.savez(path, fps=30, ...)")
    };
    let fps = array.scalar().ok_or_else(|| error(array.shape_text()))?;
    // Three decimals tell 29.97 from 30, and a mean over a recording has any number of them.
    format!("{fps:.3}").parse().map_err(|_| error(fps.to_string()))
}

/// The times of `rows` rows.
fn seconds(file: &str, array: &RawArray, rows: usize) -> Result<Vec<f64>, TrackError> {
    if !matches!(array.shape[..], [_] | [_, 1]) || array.shape[0] != rows {
        let expected = format!("({rows},), one time for each row");
        let hint = "all arrays hold the same frames: cut them";
        return Err(TrackError::new(file, array.place(), array.shape_text(), expected, hint));
    }
    let times: Vec<f64> = array.numbers().collect();
    for (row, time) in times.iter().enumerate() {
        let refuse = |expected: String, hint: &str| {
            let place = Place::Element { array: array.name.clone(), row, column: 0, name: "seconds" };
            Err(TrackError::new(file, place, time.to_string(), expected, hint))
        };
        if !time.is_finite() {
            return refuse("a finite number".to_owned(), "rows count from 0, as NumPy prints them");
        }
        let Some(previous) = row.checked_sub(1).map(|row| times[row]) else { continue };
        if *time <= previous {
            return refuse(format!("a time after the row before ({previous})"), "sort the rows; no two have one time");
        }
        if time - previous > LONGEST_GAP {
            let expected = format!("a time at most a day after the row before ({previous})");
            return refuse(expected, "times are in seconds: look for a slip, or divide milliseconds by 1000");
        }
    }
    Ok(times)
}
