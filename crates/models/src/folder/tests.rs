use super::*;

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3438167536\n";

/// An environment with these variables only.
fn variables<'a>(list: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
    move |name| list.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
}

fn put(folder: &Path, path: &str, content: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn the_argument_wins_then_the_variable_then_the_users_data() {
    let given = tempfile::tempdir().unwrap();
    let named = tempfile::tempdir().unwrap();
    let named_text = named.path().to_str().unwrap();
    let all = [("MOUE_MODELS", named_text), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")];

    let folder = ModelFolder::find(Some(given.path()), &variables(&all)).unwrap();
    assert_eq!((folder.dir(), folder.origin()), (given.path(), FolderOrigin::Argument));
    let folder = ModelFolder::find(None, &variables(&all)).unwrap();
    assert_eq!((folder.dir(), folder.origin()), (named.path(), FolderOrigin::Environment));
    assert_eq!(folder.to_string(), format!("{named_text} (from MOUE_MODELS)"));

    let users = |list: &[(&str, &str)]| ModelFolder::find(None, &variables(list)).unwrap().dir().to_owned();
    assert_eq!(users(&all[1..]), Path::new("/x/moue/models"));
    assert_eq!(users(&all[2..]), Path::new("/h/.local/share/moue/models"));
    assert_eq!(users(&[("MOUE_MODELS", ""), ("XDG_DATA_HOME", "relative"), all[2]]), users(&all[2..]));
}

#[test]
fn without_any_variable_there_is_no_folder() {
    let error = ModelFolder::find(None, &variables(&[])).unwrap_err();
    assert!(matches!(error, ModelsError::NoFolder), "{error:?}");
}

#[test]
fn a_named_folder_has_to_exist_but_for_fetching() {
    let temp = tempfile::tempdir().unwrap();
    let gone = temp.path().join("not there");
    let error = ModelFolder::find(Some(&gone), &variables(&[])).unwrap_err().to_string();
    assert!(error.contains("found nothing, expected the models folder that --models names"), "{error}");
    assert!(error.ends_with(&format!("moue models pull --models '{}'", gone.display())), "{error}");

    put(temp.path(), "file", "x");
    let file = temp.path().join("file");
    let error =
        ModelFolder::find(None, &variables(&[("MOUE_MODELS", file.to_str().unwrap())])).unwrap_err().to_string();
    assert!(error.contains("something else than a folder, expected the models folder that MOUE_MODELS"), "{error}");

    assert_eq!(ModelFolder::target(Some(&gone), &variables(&[])).unwrap().dir(), gone);
}

#[test]
fn an_empty_folder_lacks_what_is_required() {
    let temp = tempfile::tempdir().unwrap();
    let folder = ModelFolder::at(temp.path());
    assert_eq!(folder.missing(), ModelFile::required().collect::<Vec<_>>());
    assert_eq!(folder.presence(ModelFile::LcmLora), Presence::Absent);
}

#[test]
fn safetensors_stand_in_for_a_pickle_and_come_first() {
    let temp = tempfile::tempdir().unwrap();
    let folder = ModelFolder::at(temp.path());
    put(temp.path(), "encoder/pytorch_model.bin", "pickle");
    assert_eq!(folder.path(ModelFile::Encoder).unwrap(), temp.path().join("encoder/pytorch_model.bin"));
    put(temp.path(), "encoder/model.safetensors", POINTER);
    assert_eq!(folder.path(ModelFile::Encoder).unwrap(), temp.path().join("encoder/pytorch_model.bin"));
    put(temp.path(), "encoder/model.safetensors", "tensors");
    let [path] = folder.require([ModelFile::Encoder]).unwrap();
    assert_eq!(path, temp.path().join("encoder/model.safetensors"));
}

#[test]
fn pointers_and_empty_files_are_not_there() {
    let temp = tempfile::tempdir().unwrap();
    let folder = ModelFolder::at(temp.path());
    put(temp.path(), "vae/config.json", "{}");
    put(temp.path(), ModelFile::Vae.path(), POINTER);
    put(temp.path(), ModelFile::Unet.path(), "");
    let pointer = temp.path().join(ModelFile::Vae.path());
    assert_eq!(folder.presence(ModelFile::Vae), Presence::Pointer { path: pointer.clone() });

    let error = folder.require([ModelFile::Vae, ModelFile::VaeConfig, ModelFile::Unet]).unwrap_err();
    let ModelsError::Missing { missing, .. } = &error else { panic!("{error:?}") };
    let expected =
        [Missing { file: ModelFile::Vae, pointer: Some(pointer) }, Missing { file: ModelFile::Unet, pointer: None }];
    assert_eq!(missing[..], expected);
    assert_eq!(folder.missing().len(), ModelFile::required().count() - 1);
}
