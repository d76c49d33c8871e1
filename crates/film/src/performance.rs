//! What a face does in a shot, in the coefficients that its renderer is moved by.

use std::collections::BTreeMap;

use moue_animation::{Family, LinearMap, Observer, to_families};
use moue_engine::CancelToken;
use moue_storyboard::{Renderer, ShotTimeline, Storyboard};
use moue_timeline::{Channel, Track};

use crate::{FilmError, Props};

/// What the face does in the first `frames` frames of a shot (an index below `shots.len()`), one row a frame, as its
/// renderer is moved by it: ARKit coefficients for the mesh, FLAME's for diffusion, each the sum of what the storyboard
/// says in its own terms and of what follows from the others by rule and `map`.
///
/// # Errors
/// A motion that cannot be read.
pub fn shot_track(
    storyboard: &Storyboard,
    shot: usize,
    frames: u64,
    map: Option<&LinearMap>,
    props: &Props,
    observer: &dyn Observer,
    token: &CancelToken,
) -> Result<Track, FilmError> {
    let timeline = storyboard.timeline(shot, |motion| props.track(&motion.path, observer, token))?;
    track_of(storyboard, shot, &timeline, frames, storyboard.output.renderer, map, observer)
}

/// The same with the timeline at hand, for any renderer.
pub(crate) fn track_of(
    storyboard: &Storyboard,
    shot: usize,
    timeline: &ShotTimeline,
    frames: u64,
    renderer: Renderer,
    map: Option<&LinearMap>,
    observer: &dyn Observer,
) -> Result<Track, FilmError> {
    let name = &storyboard.shots[shot].name;
    let wrong = |problem| FilmError::Performance { shot: name.clone(), problem };
    let track = timeline.track(frames.max(1)).map_err(wrong)?;
    let family = match renderer {
        Renderer::Mesh => Family::Arkit,
        Renderer::Diffusion | Renderer::Mixed => Family::Flame,
    };
    let is_foreign = |channel: Channel| Family::of(channel).is_some_and(|other| other != family);
    if !track.channels().iter().any(|channel| is_foreign(*channel)) {
        return Ok(track);
    }
    let own = columns(&track, |channel| !is_foreign(channel));
    let foreign = columns(&track, is_foreign);
    let times = track.times().to_vec();
    let foreign = build(&times, foreign).map_err(wrong)?;
    // Where nothing at all follows, `to_families` says so as an error; for a film that is a face which stays at rest.
    let bridged = match to_families(&format!("shot {name}"), &foreign, &[family], map, observer) {
        Ok(bridged) => columns(&bridged, |_| true),
        Err(error) => {
            observer.note(&error.to_string().replace("\nhint: ", "; "));
            BTreeMap::new()
        }
    };
    let mut sum = own;
    for (channel, values) in bridged {
        match sum.get_mut(&channel) {
            Some(own) => own.iter_mut().zip(values).for_each(|(own, more)| *own += more),
            None => {
                sum.insert(channel, values);
            }
        }
    }
    if sum.is_empty() {
        // A track needs a channel; this one says that the face is at rest.
        let rest = Channel::all().find(|channel| Family::of(*channel) == Some(family));
        sum.extend(rest.map(|rest| (rest.index(), vec![0.0; times.len()])));
    }
    build(&times, sum).map_err(wrong)
}

type Columns = BTreeMap<usize, Vec<f32>>;

/// The columns of some channels, by [`Channel::index`].
fn columns(track: &Track, wanted: impl Fn(Channel) -> bool) -> Columns {
    let chosen = track.channels().iter().enumerate().filter(|(_, channel)| wanted(**channel));
    chosen.map(|(column, channel)| (channel.index(), track.column_values(column).collect())).collect()
}

fn build(times: &[f64], columns: Columns) -> Result<Track, moue_timeline::TrackShapeError> {
    let channels = Channel::all().filter(|channel| columns.contains_key(&channel.index())).collect();
    let values = (0..times.len()).flat_map(|row| columns.values().map(move |column| column[row])).collect();
    Track::new(channels, times.to_vec(), values)
}
