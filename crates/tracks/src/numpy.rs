//! FLAME and ARKit coefficients in NumPy's files: one array (`.npy`) or several with names (`.npz`).
//!
//! # Arrays
//! T rows, one per frame, of float32, float64 or float16, in either byte order and either memory order.
//!
//! | shape | columns |
//! | --- | --- |
//! | (T, 55) | 50 expression components, eyelids left and right, jaw x, y, z: `FlameChannel`'s order |
//! | (T, 53) | 50 expression components, jaw x, y, z: what speech-driven models such as EMOTE give |
//! | (T, 50) | 50 expression components |
//! | (T, 61) | Live Link Face's columns: 52 shapes, the head's yaw, pitch, roll, the eyes' angles |
//! | (T, 52), (T, 51) | ARKit shapes in an order that the caller has to name: [`crate::Format`] lists three |
//!
//! # Names in a `.npz`
//! In any casing: `flame` for one of the first three shapes above; or the parts, each optional, with equally many
//! rows:
//!
//! | names | shape |
//! | --- | --- |
//! | `expression`, `exp`, `expr`, `expression_params` | (T, 50), or up to (T, 100), of which the first 50 are used |
//! | `eyelids`, `eyelid`, `eyelid_params` | (T, 2), left and right |
//! | `jaw`, `jaw_pose`, `jaw_params` | (T, 3), a rotation vector |
//! | `pose` | (T, 6), rotation vectors of the head and of the jaw: DECA, EMOCA. Only without a jaw |
//! | `rotation` (VHAP), `head_pose` (flame-head-tracker), `pose_params` (SMIRK) | (T, 3), a rotation vector of the head |
//! | `neck_pose` | (T, 3), a rotation vector that the head's is put on |
//! | `head` | (T, 3), yaw, pitch and roll of the head in radians, with the signs of `HeadPose` |
//! | `arkit` | (T, n), one column for each of `arkit_names` (n texts, ARKit's names); or an array as above |
//! | `blendshape_scores` | (T, 52), scores in MediaPipe's order |
//! | `fps` | one number: rows per second, rounded to three decimals |
//! | `times` | (T,), seconds, for rows that have no fixed rate |
//!
//! An archive that has one array besides `fps` and `times` may call it anything. Other arrays are ignored and named in
//! a note. Rotations of FLAME are about x (the face's own left), y (up) and z (out of the face), the camera looking
//! along -z: those of VHAP where it was given one camera, of DECA, EMOCA and SMIRK always.

mod archive;
mod array;
mod header;
mod layout;
mod parts;
mod rows;

use std::io::{Read, Seek};

use moue_timeline::FrameRate;

use crate::{LoadedTrack, Place, ReadOptions, TrackError, notes};
pub(crate) use archive::{Archive, in_memory};
pub(crate) use array::{Accept, MAGIC, RawArray, shape_text};
pub(crate) use layout::sorted;
pub(crate) use parts::{format, of_archive, of_frame};
pub(crate) use rows::Rows;

pub(crate) fn read_npy(file: &str, input: impl Read, options: ReadOptions) -> Result<LoadedTrack, TrackError> {
    let array = RawArray::read(file, None, input, None, Accept::Numbers)?;
    let rows = layout::whole(file, &array, options.format)?;
    finish(file, rows, options)
}

pub(crate) fn read_npz<R: Read + Seek>(
    file: &str,
    mut archive: Archive<'_, R>,
    options: ReadOptions,
) -> Result<LoadedTrack, TrackError> {
    let rows = of_archive(file, &mut archive, options.format, false)?;
    finish(file, rows, options)
}

/// Gives rows their times: their own, or those of their own rate, of the caller's, or of 30 frames per second.
pub(crate) fn finish(file: &str, mut rows: Rows, options: ReadOptions) -> Result<LoadedTrack, TrackError> {
    rows = rows.without_still_head();
    let times = match (rows.times.take(), rows.rate) {
        (Some(times), rate) => {
            check_rates(file, &times, rate)?;
            notes::rate_beside_times(options, &mut rows.notes);
            times
        }
        (None, Some(rate)) => {
            notes::unused_rate(rate, options, &mut rows.notes);
            at_rate(rows.count, rate)
        }
        (None, None) => {
            let rate = options.rate.unwrap_or_else(|| {
                let note = "arrays have no times: taken as 30 rows per second; a .npz may say otherwise with fps";
                rows.notes.push(note.to_owned());
                FrameRate::FPS_30
            });
            at_rate(rows.count, rate)
        }
    };
    rows.into_track(file, times)
}

fn at_rate(count: usize, rate: FrameRate) -> Vec<f64> {
    (0..count as u64).map(|row| rate.seconds_at(row)).collect()
}

/// Where a file has both times and a rate, they have to agree to half a frame.
fn check_rates(file: &str, times: &[f64], rate: Option<FrameRate>) -> Result<(), TrackError> {
    let Some(rate) = rate else { return Ok(()) };
    let start = times.first().copied().unwrap_or_default();
    let apart = |(row, time): (usize, &f64)| (time - start - rate.seconds_at(row as u64)).abs() > 0.5 / rate.fps();
    let Some(row) = times.iter().enumerate().position(apart) else { return Ok(()) };
    let place = Place::Element { array: Some("times".to_owned()), row, column: 0, name: "seconds" };
    let found = format!("{} s", times[row] - start);
    let expected = format!("{} s after the first row, as fps {rate} says", rate.seconds_at(row as u64));
    Err(TrackError::new(file, place, found, expected, "the rates differ: keep either times or fps"))
}
