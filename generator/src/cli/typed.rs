//! Commands that a person is told to type, in words that his shell takes.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use karafka::foreign;

/// How this command is called from whatever folder: by its name where the shell finds it, and else, as when `cargo run` or a
/// path has started it, by its path.
pub(crate) fn ourselves() -> String {
    let Ok(here) = env::current_exe() else { return "karafka".to_owned() };
    let path = env::var_os("PATH").unwrap_or_default();
    called(&here, env::split_paths(&path))
}

/// How the program `here` is called where these folders are on the `PATH`.
fn called(here: &Path, mut folders: impl Iterator<Item = PathBuf>) -> String {
    let found = folders.find_map(|folder| fs::canonicalize(folder.join("karafka")).ok());
    if found.is_some() && found == fs::canonicalize(here).ok() { "karafka".to_owned() } else { word(here) }
}

/// A path as one word of a shell's line.
pub(crate) fn word(path: &Path) -> String {
    let shown = foreign::path(path);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:=@%".contains(c);
    if !shown.is_empty() && shown.chars().all(is_plain) { shown } else { format!("'{}'", shown.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a person who copies what he is told to type gets `command not found`, or another `karafka` than this one.
    #[test]
    fn it_is_called_by_its_name_only_where_the_shell_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let [ours, other] = ["ours", "other"].map(|name| folder.path().join(name));
        for folder in [&ours, &other] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("karafka"), "").unwrap();
        }
        let here = ours.join("karafka");
        let path = |folders: &[&PathBuf]| called(&here, folders.iter().map(|folder| (*folder).clone()));
        let whole = here.to_str().unwrap();
        assert_eq!(path(&[&folder.path().join("none"), &ours, &other]), "karafka");
        assert_eq!(path(&[&other, &ours]), whole);
        assert_eq!(path(&[]), whole);
    }

    /// If this fails, `cd` goes to another folder than the one that was made.
    #[test]
    fn a_path_is_one_word() {
        for (path, typed) in [
            ("shop", "shop"),
            ("../my-app_1", "../my-app_1"),
            ("my apps/shop", "'my apps/shop'"),
            ("it's", "'it'\\''s'"),
            ("$HOME/a;b", "'$HOME/a;b'"),
        ] {
            assert_eq!(word(Path::new(path)), typed);
        }
    }
}
