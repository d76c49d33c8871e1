//! The pieces of a film: runs of frames that are encoded together and kept until something in them changes.

use std::ops::Range;

use moue_storyboard::Storyboard;
use serde_json::{Value, json};

use crate::{Coding, Cut, FilmError, Props, digest};

/// Seconds of a shot in one piece, so that a long one that is interrupted is not lost; pieces begin at the same frames
/// of a shot wherever that lies in the film.
const SECONDS: f64 = 20.0;

/// Frames of the film that are rendered and encoded together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The film's frames.
    pub frames: Range<u64>,
    /// The shots that are seen, one or, during a dissolve, two.
    pub shots: Vec<usize>,
    /// What all of its pictures depend on, hashed.
    pub look: String,
}

/// Cuts a film into pieces: within a shot, where its frames stand alone, and within a transition.
pub(crate) fn pieces(
    storyboard: &Storyboard,
    cut: &Cut<'_>,
    size: (u32, u32),
    extra: &str,
    props: &Props,
) -> Result<Vec<Piece>, FilmError> {
    let chunk = (SECONDS * storyboard.output.rate.fps()).round().max(1.0) as u64;
    let mut digests: Vec<Option<String>> = vec![None; storyboard.shots.len()];
    for shot in cut.shots() {
        let key = storyboard.key(shot);
        let mut text = key.content;
        for file in &key.files {
            text += &props.digest(file)?;
        }
        digests[shot] = Some(digest::of_text(&text));
    }
    let common = json!([digest::program(), [size.0, size.1], storyboard.output.rate.to_string(), extra]);
    let mut runs: Vec<(Group, Range<u64>, Vec<Value>)> = Vec::new();
    for index in 0..cut.frame_count() {
        let Some(frame) = cut.frame(index) else { break };
        let is_plain = frame.opacity >= 1.0 && frame.below.is_none();
        let group = Group {
            front: frame.front.shot,
            below: frame.below.map(|below| below.shot),
            chunk: is_plain.then(|| frame.front.frame / chunk),
        };
        let digest = |shot: usize| digests.get(shot).cloned().flatten();
        // Of a plain run the first frame says all.
        let recipe = || {
            let below = frame.below.map(|below| json!([digest(below.shot), below.frame]));
            json!([digest(frame.front.shot), frame.front.frame, frame.opacity, below])
        };
        match runs.last_mut().filter(|(last, ..)| *last == group) {
            Some((_, range, recipes)) => {
                range.end = index + 1;
                if !is_plain {
                    recipes.push(recipe());
                }
            }
            None => runs.push((group, index..index + 1, vec![recipe()])),
        }
    }
    let pieces = runs.into_iter().map(|(group, frames, recipes)| {
        let look = json!([common, recipes, frames.end - frames.start, storyboard.output.background]);
        let shots = std::iter::once(group.front).chain(group.below).collect();
        Piece { frames, shots, look: digest::of_text(&look.to_string()) }
    });
    Ok(pieces.collect())
}

/// What the frames of one piece have in common.
#[derive(PartialEq, Eq)]
struct Group {
    front: usize,
    below: Option<usize>,
    /// Which part of the shot, where its frames stand alone.
    chunk: Option<u64>,
}

impl Piece {
    /// The name of the piece in a coding: a hash of its pictures and of how they are encoded.
    pub fn name(&self, coding: &Coding) -> String {
        let (codec, settings) = (coding.codec().name(), coding.settings());
        digest::of_text(&format!("{} {codec} {settings:?}", self.look))[..32].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;
    use std::path::Path;

    use moue_media::{Codec, EncoderSettings};
    use proptest::prelude::*;

    use super::*;
    use crate::files::Faceless;

    /// A folder with two portraits, which are no faces: nothing is drawn here.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, shade) in [("a.png", 10), ("b.png", 200)] {
            image::RgbImage::from_pixel(16, 16, image::Rgb([shade; 3])).save(folder.path().join(name)).unwrap();
        }
        folder
    }

    fn read(folder: &Path, shots: &str) -> Storyboard {
        let file = folder.join("board.yaml");
        let head =
            "moue: 1\noutput: {size: 64x64}\ncast: {ada: a.png, bo: b.png}\ndefaults: {character: ada, length: 1s}\n";
        fs::write(&file, format!("{head}shots:\n{shots}")).unwrap();
        Storyboard::read(&file, &Faceless::default()).unwrap_or_else(|wrong| panic!("{wrong}")).0
    }

    fn cut_up(storyboard: &Storyboard, props: &Props) -> Vec<Piece> {
        pieces(storyboard, &Cut::whole(storyboard), (64, 64), "", props).unwrap()
    }

    /// How many frames of `after` are in pieces that `before` has too.
    fn kept(before: &[Piece], after: &[Piece]) -> u64 {
        let known: HashSet<&str> = before.iter().map(|piece| piece.look.as_str()).collect();
        let kept = after.iter().filter(|piece| known.contains(piece.look.as_str()));
        kept.map(|piece| piece.frames.end - piece.frames.start).sum()
    }

    #[test]
    fn what_changes_is_another_piece_and_nothing_else_is() {
        let (folder, props) = (folder(), Props::new().unwrap());
        let film = |shots: &str| cut_up(&read(folder.path(), shots), &props);
        let one = "- {name: one, beats: at 0.5s to surprise}\n";
        let two = "- {name: two, character: bo, beats: at 0.5s to fear}\n";
        let three = "- {name: three, beats: at 0.5s to anger}\n";
        let before = film(&[one, two, three].concat());
        assert_eq!(before.len(), 3);
        assert_eq!(kept(&before, &film(&[three, one, two].concat())), 75, "the order is the film's, not the shots'");
        assert_eq!(kept(&before, &film(&[one, &two.replace("fear", "pain"), three].concat())), 50);
        let captioned = two.replace("beats", "caption: Look, dialogue: Oh, beats");
        assert_eq!(kept(&before, &film(&[one, &captioned, three].concat())), 75, "words are not seen");
        // A dissolve of 0.2 s takes five frames off the start of the shot that it leads to; the one before stays whole.
        let dissolved = film(&[one, &two.replace("beats", "transition: dissolve 0.2s, beats"), three].concat());
        assert_eq!(dissolved.iter().map(|piece| piece.shots.len()).collect::<Vec<_>>(), [1, 2, 1, 1]);
        assert_eq!(kept(&before, &dissolved), 25);
        // A picture counts by what is in it.
        fs::copy(folder.path().join("a.png"), folder.path().join("b.png")).unwrap();
        assert_eq!(kept(&before, &film(&[one, two, three].concat())), 50);
    }

    #[test]
    fn settings_and_codecs_have_pieces_of_their_own() {
        let (folder, props) = (folder(), Props::new().unwrap());
        let piece = cut_up(&read(folder.path(), "- {beats: to fear}\n"), &props).remove(0);
        let better = EncoderSettings { crf: 5u8.try_into().ok(), ..EncoderSettings::default() };
        let names = [
            piece.name(&Coding::new(Codec::H264, &EncoderSettings::default())),
            piece.name(&Coding::new(Codec::Vp9, &EncoderSettings::default())),
            piece.name(&Coding::new(Codec::H264, &better)),
        ];
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 3);
        assert!(names.iter().all(|name| name.len() == 32));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Pieces follow one another without holes, and none is longer than twenty seconds.
        #[test]
        fn pieces_cover_the_film(shots in prop::collection::vec((1u32..60, 0u32..3), 1..8)) {
            let (folder, props) = (folder(), Props::new().unwrap());
            let text: String = shots.iter().enumerate().map(|(index, (length, kind))| {
                let transition = match kind {
                    1 => "fade 0.4s",
                    2 if index > 0 => "dissolve 0.3s",
                    _ => "cut",
                };
                format!("- {{length: {length}s, transition: {transition}}}\n")
            }).collect();
            let storyboard = read(folder.path(), &text);
            let pieces = cut_up(&storyboard, &props);
            let mut at = 0;
            for piece in &pieces {
                prop_assert_eq!(piece.frames.start, at);
                prop_assert!(piece.frames.end > at && piece.frames.end - at <= 500);
                at = piece.frames.end;
            }
            prop_assert_eq!(at, storyboard.frame_count());
        }
    }
}
