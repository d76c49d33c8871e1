//! The files that a film is made of: found when it is planned, checked when it is drawn.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use moue_engine::CancelToken;
use moue_film::{DiskFiles, Props};
use moue_storyboard::{Files, Storyboard};

use crate::plan::Inputs;
use crate::{FarmError, Place, Plan};

/// Watches a storyboard being read, and remembers which files it asked for and how long they are.
pub(crate) struct Recorder {
    disk: DiskFiles,
    /// The folder of the storyboard: files are called as seen from there.
    folder: PathBuf,
    seen: RefCell<BTreeMap<PathBuf, Option<f64>>>,
}

impl Recorder {
    pub fn new(storyboard: &Path) -> Self {
        let folder = storyboard.parent().unwrap_or(Path::new("")).to_owned();
        Self { disk: DiskFiles::default(), folder, seen: RefCell::default() }
    }

    /// What a file is called in plans.
    pub fn name(&self, path: &Path) -> String {
        path.strip_prefix(&self.folder).unwrap_or(path).to_string_lossy().into_owned()
    }

    fn remember(&self, path: &Path, seconds: Option<f64>) {
        let mut seen = self.seen.borrow_mut();
        let known = seen.entry(path.to_owned()).or_default();
        *known = seconds.or(*known);
    }

    /// Puts a file on the list that the storyboard does not name.
    pub fn add(&self, path: &Path) {
        self.remember(path, None);
    }

    /// All files with their names, hashed; those that lie outside of the plan's folder are copied below `results`.
    pub fn inputs(
        &self,
        place: &Place,
        results: &str,
        props: &Props,
        token: &CancelToken,
    ) -> Result<Inputs, FarmError> {
        let mut inputs = Inputs::default();
        for (path, seconds) in self.seen.borrow().iter() {
            go_on(token)?;
            let sha256 = props.digest(path)?;
            inputs.name.push(self.name(path));
            inputs.at.push(put(place, results, path, &sha256, token)?);
            inputs.sha256.push(sha256);
            inputs.seconds.push(seconds.map(|seconds| seconds.to_string()));
        }
        Ok(inputs)
    }
}

impl Files for Recorder {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.remember(path, None);
        self.disk.read(path)
    }

    fn check_portrait(&self, path: &Path) -> Result<(), String> {
        self.remember(path, None);
        self.disk.check_portrait(path)
    }

    fn check_face(&self, path: &Path, face: Option<usize>) -> Result<(), String> {
        self.disk.check_face(path, face)
    }

    fn sound_seconds(&self, path: &Path) -> Result<f64, String> {
        let seconds = self.disk.sound_seconds(path)?;
        self.remember(path, Some(seconds));
        Ok(seconds)
    }

    fn motion_seconds(&self, path: &Path) -> Result<f64, String> {
        let seconds = self.disk.motion_seconds(path)?;
        self.remember(path, Some(seconds));
        Ok(seconds)
    }
}

/// Whether nobody asked to stop.
pub(crate) fn go_on(token: &CancelToken) -> Result<(), FarmError> {
    if token.is_finishing() { Err(FarmError::Interrupted) } else { Ok(()) }
}

/// Where a file lies as seen from the plan: where it is, if that is inside of the plan's folder; else a copy, named by its
/// content.
fn put(place: &Place, results: &str, path: &Path, sha256: &str, token: &CancelToken) -> Result<String, FarmError> {
    let full = path.canonicalize().map_err(FarmError::io(path, "finding it"))?;
    let inside = place.local().and_then(|folder| full.strip_prefix(folder).ok());
    if let Some(inside) = inside.and_then(Path::to_str).filter(|inside| !inside.contains('\\')) {
        return Ok(inside.to_owned());
    }
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    let at = format!("{results}/inputs/{sha256}{ending}");
    if !full.is_dir() {
        place.send(&at, &full)?;
        return Ok(at);
    }
    let mut folders = vec![full.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(FarmError::io(&folder, "reading it"))? {
            let entry = entry.map_err(FarmError::io(&folder, "reading it"))?.path();
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            go_on(token)?;
            let inside = entry.strip_prefix(&full).unwrap_or(&entry).to_string_lossy().into_owned();
            place.send(&format!("{at}/{inside}"), &entry)?;
        }
    }
    Ok(at)
}

/// The inputs of a plan on this machine: those that are needed, each checked once.
pub(crate) struct Supplies<'a> {
    place: &'a Place,
    plan: &'a Plan,
    props: &'a Props,
    /// Where what lies in a bucket is brought.
    scratch: PathBuf,
    here: RefCell<HashMap<usize, PathBuf>>,
}

impl<'a> Supplies<'a> {
    pub fn new(place: &'a Place, plan: &'a Plan, props: &'a Props, scratch: &Path) -> Self {
        Self { place, plan, props, scratch: scratch.join("inputs"), here: RefCell::default() }
    }

    /// An input's file on this machine, with the content that was planned.
    pub fn get(&self, input: usize) -> Result<PathBuf, FarmError> {
        if let Some(path) = self.here.borrow().get(&input) {
            return Ok(path.clone());
        }
        let at = &self.plan.inputs.at[input];
        let path = match self.place.local() {
            Some(folder) => within(folder, at)?,
            None => self.bring(at)?,
        };
        let found = self.props.digest(&path)?;
        if found != self.plan.inputs.sha256[input] {
            return Err(FarmError::Input {
                path: at.into(),
                problem: format!(
                    "its content is not what was planned: SHA-256 {}, expected {}",
                    &found[..16],
                    &self.plan.inputs.sha256[input][..16]
                ),
                hint: "bring the file back as it was, or make the plan again; pieces that did not change are kept",
            });
        }
        self.here.borrow_mut().insert(input, path.clone());
        Ok(path)
    }

    fn bring(&self, at: &str) -> Result<PathBuf, FarmError> {
        let target = self.scratch.join(at);
        let parent = target.parent().unwrap_or(&self.scratch);
        std::fs::create_dir_all(parent).map_err(FarmError::io(parent, "making this folder"))?;
        if self.place.fetch(at, &target)? {
            return Ok(target);
        }
        // A folder is in a bucket by its files alone.
        let files = self.place.list(at)?;
        for file in &files {
            let path = self.scratch.join(&file.name);
            let parent = path.parent().unwrap_or(&self.scratch);
            std::fs::create_dir_all(parent).map_err(FarmError::io(parent, "making this folder"))?;
            if !self.place.fetch(&file.name, &path)? {
                return Err(gone(&file.name));
            }
        }
        if files.is_empty() { Err(gone(at)) } else { Ok(target) }
    }

    /// The place of an input in the plan, by what the storyboard calls it.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.plan.inputs.name.iter().position(|known| known == name)
    }

    /// Reads the storyboard as it was planned. The files that it names are found in it under their names in the plan.
    pub fn storyboard(&self) -> Result<Storyboard, FarmError> {
        let rate = if self.plan.film.draft { Some(moue_film::DRAFT_RATE) } else { None };
        let failure = RefCell::new(None);
        let files = Planned { supplies: self, failure: &failure };
        let read = Storyboard::read_at(Path::new(&self.plan.storyboard), &files, rate);
        if let Some(error) = failure.into_inner() {
            return Err(error);
        }
        read.map(|(storyboard, _)| storyboard).map_err(FarmError::Storyboard)
    }

    /// Puts the real files into the storyboard, for these shots.
    pub fn bring_shots(&self, storyboard: &mut Storyboard, shots: &[usize]) -> Result<(), FarmError> {
        let mut real: HashMap<PathBuf, PathBuf> = HashMap::new();
        for shot in shots {
            for input in &self.plan.shots.inputs[*shot] {
                let input = *input as usize;
                real.insert(PathBuf::from(&self.plan.inputs.name[input]), self.get(input)?);
            }
        }
        let put = |path: &mut PathBuf| {
            if let Some(found) = real.get(path) {
                found.clone_into(path);
            }
        };
        for character in &mut storyboard.cast {
            put(&mut character.portrait);
        }
        // What leads to a shot's start is moved by other shots' motions.
        for shot in &mut storyboard.shots {
            shot.motions.iter_mut().for_each(|motion| put(&mut motion.path));
        }
        Ok(())
    }

    /// Puts the real sounds into the storyboard.
    pub fn bring_sounds(&self, storyboard: &mut Storyboard) -> Result<(), FarmError> {
        for sound in storyboard.shots.iter_mut().filter_map(|shot| shot.sound.as_mut()) {
            let name = sound.path.to_string_lossy().into_owned();
            if let Some(input) = self.named(&name) {
                sound.path = self.get(input)?;
            }
        }
        Ok(())
    }
}

/// What the plan knows of the files, so that they need not be looked at again.
struct Planned<'a> {
    supplies: &'a Supplies<'a>,
    failure: &'a RefCell<Option<FarmError>>,
}

impl Planned<'_> {
    fn seconds(&self, path: &Path) -> Result<f64, String> {
        let input = self.find(path)?;
        let text = self.supplies.plan.inputs.seconds[input].as_deref();
        text.and_then(|text| text.parse().ok()).ok_or_else(|| "the plan does not say how long it is".to_owned())
    }

    fn find(&self, path: &Path) -> Result<usize, String> {
        self.supplies.named(&path.to_string_lossy()).ok_or_else(|| "the plan does not know this file".to_owned())
    }
}

impl Files for Planned<'_> {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let read = self.find(path).map(|input| {
            self.supplies.get(input).and_then(|path| std::fs::read(&path).map_err(FarmError::io(&path, "reading it")))
        })?;
        read.map_err(|error| {
            let text = error.to_string();
            self.failure.borrow_mut().get_or_insert(error);
            text
        })
    }

    fn check_portrait(&self, path: &Path) -> Result<(), String> {
        self.find(path).map(drop)
    }

    fn sound_seconds(&self, path: &Path) -> Result<f64, String> {
        self.seconds(path)
    }

    fn motion_seconds(&self, path: &Path) -> Result<f64, String> {
        self.seconds(path)
    }
}

/// The file at a path within a folder, wherever links lead.
pub(crate) fn within(folder: &Path, at: &str) -> Result<PathBuf, FarmError> {
    let path = folder.join(at);
    match path.canonicalize() {
        Ok(full) if full.starts_with(folder) => Ok(path),
        Ok(_) => Err(FarmError::Input {
            path: at.into(),
            problem: "a link leads out of the plan's folder".to_owned(),
            hint: "put the file itself there; `moue farm plan` copies what lies elsewhere",
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(gone(at)),
        Err(error) => Err(FarmError::io(path, "finding it")(error)),
    }
}

fn gone(at: &str) -> FarmError {
    FarmError::Input {
        path: at.into(),
        problem: "it is not there".to_owned(),
        hint: "bring the file back, see that this machine sees the plan's folder, or make the plan again",
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn who_is_told_to_stop_copies_no_more() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let place = Place::folder(folder.path(), crate::PATIENCE).unwrap();
        let (props, token) = (Props::new().unwrap(), CancelToken::new());
        let recorder = Recorder::new(&elsewhere.path().join("film.yaml"));
        std::fs::create_dir(elsewhere.path().join("frames")).unwrap();
        for name in ["me.png", "frames/1.png"] {
            std::fs::write(elsewhere.path().join(name), name).unwrap();
        }
        recorder.add(&elsewhere.path().join("me.png"));
        recorder.add(&elsewhere.path().join("frames"));
        assert_eq!(recorder.inputs(&place, "a.farm", &props, &token).unwrap().at.len(), 2);
        token.abort();
        let stopped = recorder.inputs(&place, "b.farm", &props, &token);
        assert!(matches!(stopped, Err(FarmError::Interrupted)) && !folder.path().join("b.farm").exists());
        let stopped = put(&place, "b.farm", &elsewhere.path().join("frames"), "hash", &token);
        assert!(matches!(stopped, Err(FarmError::Interrupted)) && !folder.path().join("b.farm").exists());
    }

    #[test]
    fn folders_are_brought_with_the_names_that_their_files_have() {
        let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let place = Place::folder(folder.path(), crate::PATIENCE).unwrap();
        let (plan, props) = (crate::plan::tests::painted(), Props::new().unwrap());
        let supplies = Supplies::new(&place, &plan, &props, scratch.path());
        place.write("in/größe [1].png", b"x".to_vec()).unwrap();
        let brought = supplies.bring("in").unwrap();
        assert_eq!(std::fs::read(brought.join("größe [1].png")).unwrap(), b"x");
        assert!(supplies.bring("nothing").unwrap_err().to_string().contains("it is not there"));
    }

    #[test]
    fn links_that_lead_out_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (home, outside) = (root.join("home"), root.join("secret"));
        std::fs::create_dir(&home).unwrap();
        std::fs::write(&outside, "x").unwrap();
        std::fs::write(home.join("a"), "x").unwrap();
        std::os::unix::fs::symlink(&outside, home.join("out")).unwrap();
        std::os::unix::fs::symlink("a", home.join("in")).unwrap();
        assert!(within(&home, "a").is_ok() && within(&home, "in").is_ok());
        assert!(within(&home, "out").unwrap_err().to_string().contains("leads out"));
        assert!(within(&home, "none").unwrap_err().to_string().contains("not there"));
    }
}
