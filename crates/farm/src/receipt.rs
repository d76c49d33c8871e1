//! What a task has made, and how to tell that it is whole.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::plan::{VERSION, hex};
use crate::{FarmError, Place, Plan, Task, Work};

/// Digits of a content's hash in its file's name.
const DIGITS: usize = 32;

/// What a task has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The version of this form.
    pub moue_farm: u64,
    /// The SHA-256 of all the rest.
    pub checksum: String,
    /// The plan.
    pub plan: String,
    /// The number of the task in it.
    pub task: u64,
    /// Frames that were asked for.
    pub frames: u64,
    /// Frames that were drawn now; the others had been there.
    pub drawn: u64,
    /// Milliseconds that it took.
    pub took: u64,
    /// What was made, in the order of the film or of the shot.
    pub files: Vec<Made>,
}

/// A file that a task has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Its name, relative to the plan.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its content.
    pub sha256: String,
}

impl Made {
    /// A file of that content. Its name holds the content's hash, so that two that differ never have the same.
    pub fn new(folder: &str, stem: &str, ending: &str, content: &[u8]) -> Self {
        let sha256 = hex(&Sha256::digest(content));
        let name = format!("{folder}/{stem}.{}.{ending}", &sha256[..DIGITS]);
        Self { name, bytes: content.len() as u64, sha256 }
    }

    /// What is wrong with the content, if it is not this.
    pub fn mistake(&self, content: Option<&[u8]>) -> Option<String> {
        let Some(content) = content else { return Some("is not there".to_owned()) };
        if content.len() as u64 != self.bytes {
            return Some(format!("has {} bytes, expected {}", content.len(), self.bytes));
        }
        (hex(&Sha256::digest(content)) != self.sha256).then(|| "has other content than was made".to_owned())
    }
}

/// The stem, such as a frame's number, of a result's name, and the digits of its content's hash.
pub(crate) fn parts(name: &str) -> Option<(&str, &str)> {
    let file = name.rsplit('/').next()?;
    let mut parts = file.split('.');
    let (stem, digits) = (parts.next()?, parts.next()?);
    (digits.len() == DIGITS && parts.next().is_some() && parts.next().is_none()).then_some((stem, digits))
}

/// Whether a content is what its file's name says.
pub(crate) fn is_whole(name: &str, content: &[u8]) -> bool {
    parts(name).is_some_and(|(_, digits)| hex(&Sha256::digest(content)).starts_with(digits))
}

impl Receipt {
    /// For a task that is done.
    pub fn new(plan: &Plan, task: &Task, drawn: u64, took: std::time::Duration, files: Vec<Made>) -> Self {
        let bare = Self {
            moue_farm: VERSION,
            checksum: String::new(),
            plan: plan.id.clone(),
            task: task.index,
            frames: plan.frames(task),
            drawn,
            took: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            files,
        };
        Self { checksum: bare.sum(), ..bare }
    }

    fn sum(&self) -> String {
        let bare = Self { checksum: String::new(), ..self.clone() };
        hex(&Sha256::digest(bare.text()))
    }

    /// The text in its file.
    pub fn text(&self) -> String {
        // Numbers and strings always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What a file says of a task.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &[u8], plan: &Plan, task: &Task) -> Result<Self, String> {
        let receipt: Self = serde_json::from_slice(text).map_err(|error| format!("its receipt is damaged: {error}"))?;
        if receipt.sum() != receipt.checksum {
            return Err("its receipt was changed: it does not fit its own checksum".to_owned());
        }
        if receipt.plan != plan.id {
            return Err("its receipt belongs to another plan".to_owned());
        }
        if receipt.task != task.index || receipt.frames != plan.frames(task) {
            return Err(format!("its receipt belongs to task {}", receipt.task));
        }
        let expected = plan.places(task);
        if receipt.files.len() != expected.len() {
            return Err(format!("its receipt lists {} files, expected {}", receipt.files.len(), expected.len()));
        }
        for (made, place) in receipt.files.iter().zip(expected) {
            let file = made.name.strip_prefix(&place.folder).and_then(|rest| rest.strip_prefix('/'));
            let is_ours = file.is_some_and(|file| {
                let fits = |(own, digits): (&str, &str)| {
                    place.stem.as_deref().is_none_or(|stem| stem == own) && made.sha256.starts_with(digits)
                };
                !file.contains('/') && parts(file).is_some_and(fits)
            });
            if !is_ours {
                let stem = place.stem.as_deref().unwrap_or("a keyframe");
                return Err(format!("its receipt lists {} in the place of {stem}", made.name));
            }
        }
        Ok(receipt)
    }

    /// The receipt of a task, if there is one.
    ///
    /// # Errors
    /// The storage fails.
    pub fn read(place: &Place, plan: &Plan, task: &Task) -> Result<Option<Result<Self, String>>, FarmError> {
        let text = place.read(&plan.receipt(task.index))?;
        Ok(text.map(|text| Self::parse(&text, plan, task)))
    }

    /// What is wrong with the files, looked at to their last byte.
    ///
    /// # Errors
    /// The storage fails.
    pub fn mistake(&self, place: &Place) -> Result<Option<String>, FarmError> {
        for made in &self.files {
            if let Some(mistake) = made.mistake(place.read(&made.name)?.as_deref()) {
                return Ok(Some(format!("{} {mistake}", made.name)));
            }
        }
        Ok(None)
    }
}

/// Where a file of a task goes.
pub(crate) struct Spot {
    /// The folder, relative to the plan.
    pub folder: String,
    /// What it is called before its hash. Keyframes have names that are known when they are painted.
    pub stem: Option<String>,
}

/// What the face at rest is called.
pub(crate) const REST: &str = "rest";

impl Plan {
    /// Where a task's files go, in the order of its receipt.
    pub(crate) fn places(&self, task: &Task) -> Vec<Spot> {
        let numbers = task.first..task.first + task.count;
        let Some(shot) = task.shot else {
            // A folder for each piece: what was made of it before, for another plan, is found at once.
            let piece = |number: u64| {
                let stem = self.pieces.name[number as usize].clone();
                Spot { folder: format!("{}/pieces/{stem}", self.results), stem: Some(stem) }
            };
            return numbers.map(piece).collect();
        };
        if task.work == Work::Keys {
            return numbers.map(|_| Spot { folder: self.keyframes(), stem: None }).collect();
        }
        let folder = self.painted_folder(self.shots.painted[shot].as_deref().unwrap_or_default());
        let frame = |number| Spot { folder: folder.clone(), stem: Some(format!("{number:06}")) };
        let rest = self.shots.rest[shot].as_ref();
        let rest = rest.map(|name| Spot { folder: self.painted_folder(name), stem: Some(REST.to_owned()) });
        numbers.map(frame).chain(rest).collect()
    }

    /// The folder of keyframes.
    pub(crate) fn keyframes(&self) -> String {
        self.painted_folder(moue_film::KEYFRAMES)
    }

    /// A folder of paintings.
    pub(crate) fn painted_folder(&self, name: &str) -> String {
        format!("{}/painted/{name}", self.results)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::tests::painted;

    #[test]
    fn a_receipt_fits_its_task_and_no_other() {
        let plan = painted();
        let task = plan.task(3).unwrap();
        let made = |spot: &Spot| {
            let stem = spot.stem.as_deref().unwrap();
            Made::new(&spot.folder, stem, "mkv", stem.as_bytes())
        };
        let files: Vec<Made> = plan.places(&task).iter().map(made).collect();
        let receipt = Receipt::new(&plan, &task, 20, Duration::from_millis(1500), files.clone());
        assert_eq!(Receipt::parse(receipt.text().as_bytes(), &plan, &task).unwrap(), receipt);
        let wrong =
            |receipt: &Receipt, task: &Task| Receipt::parse(receipt.text().as_bytes(), &plan, task).unwrap_err();
        assert!(wrong(&receipt, &plan.task(4).unwrap()).contains("task 3"));
        assert!(wrong(&Receipt { drawn: 21, ..receipt.clone() }, &task).contains("checksum"));
        let other = Plan { film: crate::FilmPlan { draft: true, ..plan.film.clone() }, ..plan.clone() }.sealed().0;
        assert!(Receipt::parse(receipt.text().as_bytes(), &other, &task).unwrap_err().contains("another plan"));
        let text = receipt.text();
        assert!(Receipt::parse(&text.as_bytes()[..text.len() / 2], &plan, &task).unwrap_err().contains("damaged"));
        let swapped = Receipt::new(&plan, &task, 20, Duration::ZERO, files.iter().rev().cloned().collect());
        assert!(wrong(&swapped, &task).contains("in the place of"));
        let few = Receipt::new(&plan, &task, 20, Duration::ZERO, files[..1].to_vec());
        assert!(wrong(&few, &task).contains("1 files, expected 2"));
        let mut elsewhere = files.clone();
        elsewhere[0].name = format!("../../{}", elsewhere[0].name);
        assert!(wrong(&Receipt::new(&plan, &task, 20, Duration::ZERO, elsewhere), &task).contains("in the place of"));
    }

    #[test]
    fn paintings_come_with_the_face_at_rest_where_they_need_it() {
        let plan = painted();
        let stems = |index| -> Vec<String> {
            plan.places(&plan.task(index).unwrap()).into_iter().map(|spot| spot.stem.unwrap()).collect()
        };
        let (without, with) = (stems(1), stems(2));
        assert_eq!((without.len(), without[0].as_str()), (7, "000008"));
        assert_eq!((with.len(), with[15].as_str()), (16, REST));
    }

    #[test]
    fn content_is_told_from_other_content() {
        let made = Made::new("x", "000001", "png", b"pixels");
        assert!(
            is_whole(&made.name, b"pixels") && !is_whole(&made.name, b"pixel") && !is_whole("x/000001.png", b"pixels")
        );
        assert_eq!(parts(&made.name).unwrap().0, "000001");
        assert_eq!(made.mistake(Some(b"pixels")), None);
        assert!(made.mistake(Some(b"pixel")).unwrap().contains("5 bytes, expected 6"));
        assert!(made.mistake(Some(b"PIXELS")).unwrap().contains("other content"));
        assert!(made.mistake(None).unwrap().contains("not there"));
    }
}
