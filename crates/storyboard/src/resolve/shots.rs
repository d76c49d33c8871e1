//! One shot after the other.

use std::collections::{HashMap, HashSet};

use moue_document::{Located, Report, Span};
use moue_timeline::Easing;

use super::{
    beats::{TimedBeats, Timing},
    cast::Cast,
    expressions::Library,
    load::Loaded,
    media::{self, TimedMotion, TimedSound},
    transitions::{self, Joint},
};
use crate::clock::{Clock, Ticks};
use crate::written::{Blink, EaseText, FramingText, Length, Renderer, Settings, ShotText, Time, TransitionText, View};
use crate::{Files, Framing, Life, Shot, TransitionKind, hash};

/// How long a shot is in which nothing happens and that does not say it.
const EMPTY_SHOT: Time = Time::from_millis(3000);

/// What all shots share.
pub(super) struct Shots<'a> {
    pub clock: Clock,
    pub defaults: &'a Settings,
    pub built_in: &'a Settings,
    pub renderer: Renderer,
    pub loaded: &'a Loaded,
    pub files: &'a dyn Files,
    pub library: &'a mut Library,
    pub cast: &'a mut Cast,
}

/// What one shot needs to know of those before it.
#[derive(Default)]
struct Before {
    /// The film's length.
    length: Ticks,
    /// The last shot of each character.
    last_of: HashMap<usize, usize>,
    names: HashMap<String, Span>,
    /// How many shots have said the same.
    alike: HashMap<u64, u64>,
}

impl Shots<'_> {
    /// The shots, with what is known of their joints.
    pub(super) fn resolve(&mut self, texts: &[Located<ShotText>], report: &mut Report) -> (Vec<Shot>, Vec<Joint>) {
        let mut before = Before::default();
        let given: HashSet<&str> =
            texts.iter().filter_map(|text| text.value.name.as_ref().map(|name| name.value.as_str())).collect();
        let (mut shots, mut joints) = (Vec::with_capacity(texts.len()), Vec::with_capacity(texts.len()));
        for (index, text) in texts.iter().enumerate() {
            let number = (index + 1).to_string();
            // A shot may be called by another one's number; then that one gets another name.
            let name = if given.contains(number.as_str()) { format!("shot-{number}") } else { number };
            let (shot, joint) = self.shot(text, index, name, &mut before, report);
            shots.push(shot);
            joints.push(joint);
        }
        (shots, joints)
    }

    fn shot(
        &mut self,
        Located { value: text, span }: &Located<ShotText>,
        index: usize,
        number: String,
        before: &mut Before,
        report: &mut Report,
    ) -> (Shot, Joint) {
        let (clock, defaults, built_in) = (self.clock, self.defaults, self.built_in);
        let own_ease = text.settings.ease.clone();
        let settings = text.settings.clone().over(defaults);
        let ease: Vec<&EaseText> = [&built_in.ease, &defaults.ease, &own_ease].into_iter().flatten().collect();
        let character = self.character(&settings, *span, report);
        let rest = character.map(|index| self.cast.characters[index].rest.clone()).unwrap_or_default();

        let over = settings.over.map(|over| over.value);
        let beats = Timing::new(clock, over, ease, &rest).resolve(&text.beats.0, self.library, report);
        let sound = text.sound.as_ref().and_then(|sound| media::sound(sound, clock, self.loaded, self.files, report));
        let motions: Vec<TimedMotion> = (text.motion.0.iter())
            .filter_map(|motion| media::motion(motion, clock, self.loaded, self.files, report))
            .collect();
        let length = self.length(&settings, text, *span, &beats, sound.as_ref(), &motions, report);
        if let Some((arrival, place)) = beats.arrivals.iter().find(|(arrival, _)| *arrival > length) {
            let message =
                format!("this beat is at {}, when the shot is over ({})", clock.text(*arrival), clock.text(length));
            let error = report.error(*place, message);
            error.hint("make the shot longer, or leave its `length` out: then it lasts until all beats are over");
        }
        let sound = sound.and_then(|timed| cut(timed, text, length, clock, report));
        let motions = media::placed(motions, length, clock, report);

        let start = clock.frame(before.length);
        before.length = before.length + length;
        // The first shot follows nothing: what shots do among each other is not meant for it.
        let own = if index == 0 { text.settings.transition } else { settings.transition };
        let transition = own.unwrap_or_else(no_transition);
        let carry = settings.carry.filter(|carry| carry.value);
        let own_carry = text.settings.carry.is_some();
        let carry_from = character.and_then(|character| {
            let last = before.last_of.insert(character, index);
            if last.is_none()
                && own_carry
                && let Some(carry) = carry
            {
                let message = format!("`{}` is in no shot before this one", self.cast.characters[character].name);
                report.warning(carry.span, message).hint("there is nothing to carry over: remove `carry`");
            }
            last.filter(|_| carry.is_some())
        });
        let life = self.life(&settings, text, character, before);
        let shot = Shot {
            name: name(text, number, before, report),
            character: character.unwrap_or_default(),
            start,
            frames: clock.frame(before.length) - start,
            length: clock.frames(length),
            tail: 0,
            transition: transitions::transition(transition.value, clock),
            carry_from,
            framing: self.framing(settings.framing.as_ref()),
            caption: text.caption.clone(),
            dialogue: text.dialogue.clone(),
            sound,
            motions,
            beats: beats.beats,
            life,
        };
        (shot, Joint { transition, length, span: *span })
    }

    /// Who is seen: who is named, or the only one there is.
    fn character(&mut self, settings: &Settings, span: Span, report: &mut Report) -> Option<usize> {
        let index = match &settings.character {
            Some(name) => {
                let found = self.cast.find(&name.value);
                if found.is_none() {
                    let nearest = moue_timeline::nearest_name(&name.value, self.cast.names());
                    let hint = match nearest {
                        Some(nearest) => format!("did you mean `{nearest}`?"),
                        None => format!("add it: `cast: {{{}: portrait.png}}`", name.value),
                    };
                    report.error(name.span, format!("`{}` is not in the cast", name.value)).hint(hint);
                }
                found?
            }
            None if self.cast.characters.len() == 1 => 0,
            // That there is no cast at all is said once.
            None if self.cast.characters.is_empty() => return None,
            None => {
                let names: Vec<&str> = self.cast.names().take(6).collect();
                let error = report.error(span, "the shot does not say whom it shows");
                error.hint(format!("write `character:` and a name of the cast: {}", names.join(", ")));
                return None;
            }
        };
        self.cast.used[index] = true;
        Some(index)
    }

    #[allow(clippy::too_many_arguments, reason = "everything that can make a shot longer")]
    fn length(
        &self,
        settings: &Settings,
        text: &ShotText,
        span: Span,
        beats: &TimedBeats,
        sound: Option<&TimedSound>,
        motions: &[TimedMotion],
        report: &mut Report,
    ) -> Ticks {
        let clock = self.clock;
        let sound_ends = sound.map(|sound| sound.ends);
        let motions_end = motions.iter().map(|motion| motion.ends).max();
        let all = [Some(beats.ends), sound_ends, motions_end].into_iter().flatten().max().unwrap_or_default();
        let everything = if all == Ticks::default() { clock.ticks(EMPTY_SHOT) } else { all };
        let Some(length) = settings.length else { return everything };
        let missing = |what: &str, there: bool, report: &mut Report| {
            // A file that could not be read was reported already.
            if !there {
                let error = report.error(length.span, format!("the shot has no {what} that it could be as long as"));
                error.label(span, "the shot").hint(format!("give it a `{what}`, or a length such as 2s"));
            }
        };
        let found = match length.value {
            Length::Time(time) => clock.ticks(time),
            Length::Sound => {
                missing("sound", text.sound.is_some(), report);
                sound_ends.unwrap_or(everything)
            }
            Length::Motion => {
                missing("motion", !text.motion.0.is_empty(), report);
                motions_end.unwrap_or(everything)
            }
        };
        if clock.at_board_rate().frame(found) == 0 {
            report.error(length.span, "the shot is shorter than a frame").hint("use a length such as 2s");
            return everything;
        }
        found
    }

    fn framing(&self, text: Option<&FramingText>) -> Framing {
        let whole = match self.renderer {
            Renderer::Mesh => View::WHOLE,
            Renderer::Diffusion | Renderer::Mixed => View::FACE,
        };
        let from = text.and_then(|text| text.from).unwrap_or(whole);
        let easing = text.and_then(|text| text.ease.as_ref()).and_then(|ease| ease.0.last());
        Framing {
            from,
            to: text.and_then(|text| text.to).unwrap_or(from),
            easing: easing.map_or_else(ease_in_out, |(_, easing)| *easing),
        }
    }

    /// What the face does by itself. The seed comes from what the shot says and not from where it stands.
    fn life(&self, settings: &Settings, text: &ShotText, character: Option<usize>, before: &mut Before) -> Life {
        let character = character.and_then(|index| self.cast.characters.get(index));
        let own = text.name.as_ref().map(|name| name.value.as_str());
        let poses = text.beats.0.iter().flat_map(|beat| [&beat.value.express, &beat.value.also, &beat.value.flash]);
        let poses: Vec<String> = poses.filter_map(|pose| pose.value()).map(|pose| pose.value.text()).collect();
        let said = match own {
            Some(name) => hash::texts([name]),
            None => {
                let words = [&text.caption, &text.dialogue].map(|text| text.as_deref().unwrap_or_default());
                hash::texts(words.into_iter().chain(poses.iter().map(String::as_str)))
            }
        };
        let who = character
            .map_or(0, |character| hash::mix(hash::texts([character.name.as_str()]) ^ character.rendering.seed));
        let salt = hash::mix(said ^ who.rotate_left(1) ^ settings.seed.unwrap_or(0).rotate_left(2));
        let alike = before.alike.entry(salt).or_default();
        *alike += 1;
        let blink = settings.blink.or(self.built_in.blink).unwrap_or(Blink::Off);
        Life {
            blink: match blink {
                Blink::Off => None,
                Blink::Every(time) => Some(self.clock.seconds(self.clock.ticks(time))),
            },
            idle: settings.idle.or(self.built_in.idle).map_or(0.0, |idle| idle.0),
            seed: hash::mix(salt ^ *alike),
        }
    }
}

/// The shot's name, which no shot before may have.
fn name(text: &ShotText, number: String, before: &mut Before, report: &mut Report) -> String {
    let Some(name) = &text.name else { return number };
    match before.names.get(&name.value) {
        Some(first) => {
            let error = report.error(name.span, format!("two shots are called `{}`", name.value));
            error.label(*first, "the first").hint("give them names of their own");
        }
        None => {
            before.names.insert(name.value.clone(), name.span);
        }
    }
    name.value.clone()
}

/// What is heard of a sound in a shot.
fn cut(
    mut timed: TimedSound,
    text: &ShotText,
    length: Ticks,
    clock: Clock,
    report: &mut Report,
) -> Option<crate::Sound> {
    let left = clock.seconds(length) - timed.sound.at;
    let written = text.sound.as_ref()?;
    if left <= 0.0 {
        let message =
            format!("the sound begins at {:.3} s, when the shot is over ({})", timed.sound.at, clock.text(length));
        report.error(written.at.span, message).hint("begin earlier, or make the shot longer");
        return None;
    }
    // Less than a hundredth is no loss that anyone hears.
    if timed.sound.seconds > left + 0.01 {
        let message = format!("the sound is cut: {left:.3} s of {:.3} s are heard", timed.sound.seconds);
        report.warning(written.file.span, message).hint("write `length: sound` to have all of it");
    }
    timed.sound.seconds = timed.sound.seconds.min(left);
    Some(timed.sound)
}

fn no_transition() -> Located<TransitionText> {
    let cut = TransitionText { kind: TransitionKind::Cut, length: Time::default() };
    Located { value: cut, span: Span::default() }
}

fn ease_in_out() -> Easing {
    "ease-in-out".parse().unwrap_or(Easing::Linear)
}
