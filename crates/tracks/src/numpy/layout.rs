//! What the columns of a single array mean.

use moue_timeline::{Channel, FlameChannel, HeadAxis, Shape};

use super::array::RawArray;
use super::rows::{Columns, Part, Rows, collect};
use crate::header::listed;
use crate::{Format, Place, TrackError, live_link_face};

const FLAME_SHAPES: &str = "(T, 55), (T, 53) or (T, 50), T rows of FLAME coefficients";
const NAME_PARTS: &str = "name the parts: np.savez(path, expression=..., eyelids=..., jaw=...)";
const NAME_ORDER: &str = "say in which order the columns are: --format arkit-array (Live Link Face's), \
                          arkit-sorted-array (alphabetical) or mediapipe-array (MediaPipe's); or save their names: \
                          np.savez(path, arkit=array, arkit_names=[...])";

/// The rows of an array that holds all there is, in the layout that `wanted` says or that its width tells.
pub(super) fn whole(file: &str, array: &RawArray, wanted: Option<Format>) -> Result<Rows, TrackError> {
    let guess = match array.shape[..] {
        [_, 50 | 53 | 55] => Some(Format::FlameArray),
        [_, 61] => Some(Format::ArkitArray),
        _ => None,
    };
    match wanted.filter(|wanted| is_layout(*wanted)).or(guess) {
        Some(Format::FlameArray) => flame(file, array),
        Some(format) => arkit(file, array, format),
        None if matches!(array.shape[..], [_, 51 | 52]) => {
            Err(TrackError::new(file, array.place(), array.shape_text(), "columns whose order is known", NAME_ORDER))
        }
        None => flame(file, array),
    }
    .map_err(|error| match (wanted, guess) {
        (Some(wanted), Some(guess)) if wanted != guess => error.looking_like(guess),
        _ => error,
    })
}

/// Whether `format` says how the columns of one array are laid out.
pub(super) fn is_layout(format: Format) -> bool {
    let layouts = [Format::FlameArray, Format::ArkitArray, Format::ArkitSortedArray, Format::MediaPipeArray];
    layouts.contains(&format)
}

fn flame(file: &str, array: &RawArray) -> Result<Rows, TrackError> {
    let mut notes = Vec::new();
    let parts = match array.shape[..] {
        [_, 55] => vec![Part::flame(array, 0, 0..FlameChannel::COUNT)],
        [_, 53] => {
            notes.push("53 columns are taken for 50 expression components and the jaw".to_owned());
            vec![Part::flame(array, 0, FlameChannel::EXPRESSION), Part::flame(array, 50, FlameChannel::JAW)]
        }
        [_, 50] => vec![Part::flame(array, 0, FlameChannel::EXPRESSION)],
        _ => {
            let hint = shape_hint(&array.shape, &[50, 53, 55]).unwrap_or(NAME_PARTS);
            return Err(TrackError::new(file, array.place(), array.shape_text(), FLAME_SHAPES, hint));
        }
    };
    collect(file, Format::FlameArray, &parts, None, notes)
}

/// What went wrong with the dimensions of an array that should have one of `widths` columns.
fn shape_hint(shape: &[usize], widths: &[usize]) -> Option<&'static str> {
    match shape {
        [side] if widths.contains(side) => Some("a single frame has two dimensions too: array[None]"),
        [side, _] if widths.contains(side) => Some("rows are frames: transpose it, array.T"),
        [1, _, side] | [_, 1, side] if widths.contains(side) => Some("drop the dimension of length 1: array.squeeze()"),
        _ => None,
    }
}

/// Rows of ARKit coefficients in the order that `format` says.
fn arkit(file: &str, array: &RawArray, format: Format) -> Result<Rows, TrackError> {
    let (widths, expected): (&[usize], _) = match format {
        Format::ArkitArray => (&[52, 61, 51], "(T, 52), (T, 61) or (T, 51), T rows in Live Link Face's order"),
        Format::ArkitSortedArray => (&[52, 51], "(T, 52) or (T, 51), T rows in the alphabetical order of the names"),
        _ => (&[52, 51], "(T, 52) or (T, 51), T rows in MediaPipe's order"),
    };
    let [_, width] = array.shape[..] else { return Err(misshapen(file, array, widths, expected)) };
    if !widths.contains(&width) {
        return Err(misshapen(file, array, widths, expected));
    }
    let order: Vec<Option<Channel>> = match format {
        Format::ArkitArray => live_link_columns(),
        Format::ArkitSortedArray => sorted().map(Some).collect(),
        _ if width == 51 => sorted().map(Some).collect(),
        // The score of a face at rest comes first; there is no tongue.
        _ => std::iter::once(None).chain(sorted().map(Some)).collect(),
    };
    let columns = order.into_iter().take(width).enumerate();
    let columns = Columns::Channels(columns.filter_map(|(column, channel)| Some((column, channel?))).collect());
    let notes = match width {
        61 => vec!["61 columns are taken for those of Live Link Face".to_owned()],
        _ => Vec::new(),
    };
    let mut rows = collect(file, format, &[Part { array, columns }], None, notes)?;
    if width == 61 {
        (rows.channels, rows.values) =
            live_link_face::with_head_in_our_convention(rows.channels, rows.values, &mut rows.notes);
    }
    Ok(rows)
}

fn misshapen(file: &str, array: &RawArray, widths: &[usize], expected: &str) -> TrackError {
    let hint = shape_hint(&array.shape, widths)
        .unwrap_or("save the names of the columns: np.savez(path, arkit=array, arkit_names=[...])");
    TrackError::new(file, array.place(), array.shape_text(), expected, hint)
}

/// Live Link Face's columns after the timecode; the eyes' angles repeat what the shapes say.
fn live_link_columns() -> Vec<Option<Channel>> {
    let shapes = Shape::ALL.into_iter().map(|shape| Some(Channel::Shape(shape)));
    let head = HeadAxis::ALL.map(|axis| Some(Channel::Head(axis)));
    shapes.chain(head).chain([None; 6]).collect()
}

/// Every shape in the order of its name, which is also MediaPipe's; the tongue comes last.
pub(crate) fn sorted() -> impl Iterator<Item = Channel> {
    let mut shapes = Shape::ALL;
    shapes.sort_by_key(|shape| shape.name());
    shapes.into_iter().map(Channel::Shape)
}

/// Columns by their `names`, an array of texts; unknown ones are noted.
pub(super) fn named<'a>(
    file: &str,
    array: &'a RawArray,
    names: Option<&RawArray>,
    notes: &mut Vec<String>,
) -> Result<Part<'a>, TrackError> {
    const SAVE: &str = "np.savez(path, arkit=array, arkit_names=['jawOpen', ...]) names every column";
    let expected = "names of ARKit's shapes, one for each column of 'arkit'";
    let refuse = |place: Place, found: String, hint: &str| Err(TrackError::new(file, place, found, expected, hint));
    let [_, width] = array.shape[..] else {
        return Err(TrackError::new(file, array.place(), array.shape_text(), "(T, n), n shapes", SAVE));
    };
    let Some(names) = names else { return refuse(array.place(), "no 'arkit_names'".to_owned(), SAVE) };
    if !names.is_text() {
        return refuse(names.place(), names.element_text(), SAVE);
    }
    if names.len() != width || !matches!(names.shape[..], [_] | [1, _]) {
        return refuse(names.place(), format!("{} for {width} columns", names.shape_text()), SAVE);
    }
    let mut columns: Vec<(usize, Channel)> = Vec::new();
    let mut unknown = Vec::new();
    for (column, name) in names.texts().enumerate() {
        let name = match name {
            Ok(name) => name,
            Err(index) => return refuse(names.place(), format!("no text at index {index}"), SAVE),
        };
        let Some(shape) = Shape::from_name(&name) else {
            unknown.push(name);
            continue;
        };
        if columns.iter().any(|(_, channel)| *channel == Channel::Shape(shape)) {
            return refuse(names.place(), format!("'{}' a second time", shape.name()), "drop one of the two columns");
        }
        columns.push((column, Channel::Shape(shape)));
    }
    let unknown_names = || listed(unknown.iter().map(String::as_str));
    if columns.is_empty() {
        return refuse(names.place(), format!("the names {}", unknown_names()), SAVE);
    }
    if !unknown.is_empty() {
        notes.push(format!("ignored {} unknown columns of 'arkit': {}", unknown.len(), unknown_names()));
    }
    Ok(Part { array, columns: Columns::Channels(columns) })
}
