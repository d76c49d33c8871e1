//! Who plays.

use std::collections::HashMap;

use moue_document::{Key, Report, Span};

use super::{
    expressions::Library,
    load::{Loaded, file_error},
};
use crate::written::{DiffusionText, MemberText, RenderingText};
use crate::{Character, Diffusion, Files, Pose, Rendering};

/// The cast, with what is needed to talk about it.
pub(super) struct Cast {
    pub characters: Vec<Character>,
    indices: HashMap<String, usize>,
    /// Where each is named, and whether that is in the storyboard itself.
    keys: Vec<(Span, bool)>,
    /// Which were shown.
    pub used: Vec<bool>,
}

impl Cast {
    /// `own` are the storyboard's, `included` those of other files, which count where the storyboard has no such name.
    pub(super) fn new(
        own: Vec<(Key, Option<MemberText>)>,
        included: Vec<(Key, Option<MemberText>)>,
        context: (&Loaded, &RenderingText, &dyn Files),
        library: &mut Library,
        report: &mut Report,
    ) -> Self {
        let mut cast = Self { characters: Vec::new(), indices: HashMap::new(), keys: Vec::new(), used: Vec::new() };
        let entries =
            own.into_iter().map(|entry| (entry, true)).chain(included.into_iter().map(|entry| (entry, false)));
        for ((key, text), is_own) in entries {
            if let Some(index) = cast.indices.get(&key.name) {
                let (first, first_is_own) = cast.keys[*index];
                if !first_is_own {
                    let error =
                        report.error(key.span, format!("`{}` is in two of the files that are included", key.name));
                    error
                        .label(first, "here too")
                        .hint("name one of them otherwise, or say in the storyboard which it is");
                }
                continue;
            }
            let character = character(&key.name, text, context, library, report);
            cast.indices.insert(key.name, cast.characters.len());
            cast.characters.push(character);
            cast.keys.push((key.span, is_own));
            cast.used.push(false);
        }
        cast
    }

    /// Index of a name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.indices.get(name).copied()
    }

    /// Every name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.characters.iter().map(|character| character.name.as_str())
    }

    /// Warns of the storyboard's own members that no shot shows. Those of other files are there for many storyboards.
    pub(super) fn warn_of_unused(&self, report: &mut Report) {
        let keys = self.keys.iter().zip(&self.used).zip(&self.characters);
        for (((span, _), _), character) in keys.filter(|(((_, own), used), _)| *own && !**used) {
            let warning = report.warning(*span, format!("`{}` is in no shot", character.name));
            warning.hint(format!("show it with `character: {}`, or remove it", character.name));
        }
    }
}

/// A member whose text could not be read is known by its name, so that shots do not miss it as well.
fn character(
    name: &str,
    text: Option<MemberText>,
    (loaded, output, files): (&Loaded, &RenderingText, &dyn Files),
    library: &mut Library,
    report: &mut Report,
) -> Character {
    let mut character = Character {
        name: name.to_owned(),
        portrait: std::path::PathBuf::new(),
        face: None,
        rest: Pose::default(),
        rendering: rendering(None, output),
    };
    let Some(text) = text else { return character };
    character.portrait = loaded.path(&text.portrait);
    character.face = text.face.map(|face| face as usize);
    if let Err(message) = files.check_portrait(&character.portrait) {
        file_error(report, &text.portrait, "portrait", &message);
    } else if let Err(message) = files.check_face(&character.portrait, character.face) {
        let (problem, hint) = message.split_once("\nhint: ").unwrap_or((&message, "name a picture with a face in it"));
        let portrait = &text.portrait;
        report.error(portrait.span, format!("the portrait `{}` does not do: {problem}", portrait.value.0)).hint(hint);
    }
    if let Some(rest) = &text.rest {
        character.rest = library.pose(rest, None, report).unwrap_or_default();
    }
    character.rendering = rendering(Some(text.rendering), output);
    character
}

/// How a member is drawn: what it says itself, what the output says, what is built in.
fn rendering(own: Option<RenderingText>, output: &RenderingText) -> Rendering {
    let built_in = RenderingText::built_in();
    let nothing = DiffusionText::empty();
    let own_diffusion = own.as_ref().and_then(|own| own.diffusion.clone()).unwrap_or_else(|| nothing.clone());
    let diffusion = own_diffusion.over(output.diffusion.as_ref().unwrap_or(&nothing));
    let text = match own {
        Some(own) => own.over(output).over(&built_in),
        None => output.clone().over(&built_in),
    };
    Rendering {
        seed: text.seed.unwrap_or(0),
        relative: text.relative.unwrap_or(false),
        diffusion: Diffusion {
            scheduler: diffusion.scheduler,
            steps: diffusion.steps.map(|steps| steps as usize),
            guidance: diffusion.guidance,
            expression_scale: diffusion.expression_scale,
            reference_scale: diffusion.reference_scale,
        },
    }
}
