//! The `mod.rs` of each folder that holds parts of the app.
//!
//! A folder's module names what the manifest names there, and every other file that it finds, so that a person can put
//! a file of their own beside a controller and use it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::templates::{BANNER, Templates};
use crate::{
    model::Model,
    names::{Constant, Role, is_keyword},
};

/// What is in the folders of an app's parts already.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// Every `.rs` file under those of `src/controllers`, `src/workers`, `src/parsers`, `src/interchangers` that are the
    /// app's, from its root, without those that the manifest once named and names no longer, and without generated `mod.rs`.
    pub files: BTreeSet<String>,
    /// The modules of those folders that were generated and that `src/lib.rs` declares: each of these folders needs its
    /// `mod.rs`, be there a part in it or not.
    pub declared: BTreeSet<String>,
}

/// A folder, and what its module names.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) path: String,
    about: String,
    /// File's module and type of each part, by module.
    parts: BTreeMap<String, String>,
    folders: BTreeSet<String>,
    others: BTreeSet<String>,
}

#[derive(Serialize)]
struct PartView<'f> {
    module: &'f str,
    type_name: &'f str,
}

#[derive(Serialize)]
struct View<'f> {
    banner: &'static str,
    about: &'f str,
    folders: &'f BTreeSet<String>,
    parts: Vec<PartView<'f>>,
    others: &'f BTreeSet<String>,
}

impl Folder {
    pub(super) fn text(&self, templates: &Templates) -> String {
        let parts = self.parts.iter().map(|(module, type_name)| PartView { module, type_name }).collect();
        let view = View { banner: BANNER, about: &self.about, folders: &self.folders, parts, others: &self.others };
        templates.fill("src/folder.rs", &view)
    }
}

const ROLES: [Role; 4] = [Role::Controller, Role::Worker, Role::Parser, Role::Interchanger];

/// Every folder that gets a generated `mod.rs`, by path.
pub(super) fn folders(model: &Model, layout: &Layout) -> Vec<Folder> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    for role in ROLES.into_iter().filter(|role| layout.declared.contains(role.folder())) {
        folders.insert(format!("src/{}", role.folder()), Folder::default());
    }
    for constant in constants(model) {
        let mut path = format!("src/{}", constant.role().folder());
        for module in constant.modules() {
            folders.entry(path.clone()).or_default().folders.insert(module.clone());
            path = format!("{path}/{module}");
        }
        let parts = &mut folders.entry(path).or_default().parts;
        parts.insert(constant.file_module(), constant.type_name().to_owned());
    }
    for file in &layout.files {
        add_found(&mut folders, layout, file);
    }
    for (path, folder) in &mut folders {
        folder.about = about(path);
        folder.path.clone_from(path);
    }
    folders.into_values().collect()
}

/// Those of them that `src/lib.rs` declares.
pub(super) fn top(folders: &[Folder]) -> Vec<&'static str> {
    let is_there = |role: &Role| folders.iter().any(|folder| folder.path == format!("src/{}", role.folder()));
    ROLES.into_iter().filter(is_there).map(Role::folder).collect()
}

fn constants(model: &Model) -> impl Iterator<Item = &Constant> {
    let workers = model.workers.iter().filter(|worker| worker.named).map(|worker| &worker.constant);
    model
        .controllers
        .iter()
        .map(|controller| &controller.constant)
        .chain(workers)
        .chain(model.parsers.iter().map(|parser| &parser.constant))
        .chain(model.interchangers.iter().map(|interchanger| &interchanger.constant))
}

/// Adds a file that was found, unless it hangs under a module that a person wrote: then that one names it.
fn add_found(folders: &mut BTreeMap<String, Folder>, layout: &Layout, file: &str) {
    // What the manifest names is there already, with every folder above it.
    if let Some((folder, name)) = file.rsplit_once('/')
        && let (Some(folder), Some(stem)) = (folders.get(folder), name.strip_suffix(".rs"))
        && folder.parts.contains_key(stem)
    {
        return;
    }
    let mut segments: Vec<&str> = file.split('/').collect();
    let Some(stem) = segments.pop().and_then(|name| name.strip_suffix(".rs")) else { return };
    // `src/controllers` itself always has our `mod.rs`.
    for depth in 3..=segments.len() {
        let (Some(parent), Some(&name)) = (segments.get(..depth - 1), segments.get(depth - 1)) else { return };
        let (parent, path) = (parent.join("/"), segments[..depth].join("/"));
        let Some(module) = module_name(name) else { return };
        let by_hand = layout.files.contains(&format!("{path}.rs")) || layout.files.contains(&format!("{path}/mod.rs"));
        if by_hand && !folders.contains_key(&path) {
            if !layout.files.contains(&format!("{path}.rs")) {
                folders.entry(parent).or_default().others.insert(module);
            }
            return;
        }
        folders.entry(parent).or_default().folders.insert(module);
        folders.entry(path).or_default();
    }
    let Some(module) = module_name(stem) else { return };
    let folder = folders.entry(segments.join("/")).or_default();
    if stem != "mod" && !folder.parts.contains_key(stem) && !folder.folders.contains(&module) {
        folder.others.insert(module);
    }
}

/// The file's name as a module, if it can be one.
fn module_name(stem: &str) -> Option<String> {
    let mut chars = stem.chars();
    let first = chars.next()?;
    if !(first.is_ascii_alphabetic() || first == '_' && stem.len() > 1)
        || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        || matches!(stem, "self" | "super" | "crate" | "Self")
    {
        return None;
    }
    Some(if is_keyword(stem) { format!("r#{stem}") } else { stem.to_owned() })
}

fn about(path: &str) -> String {
    let mut segments = path.split('/').skip(1);
    let what = match segments.next() {
        Some("controllers") => "What the app does with its messages",
        Some("workers") => "What stands between a message and its controller",
        Some("parsers") => "From a record's bytes to a message",
        _ => "How messages travel through the job queue",
    };
    let names: Vec<_> = segments.collect();
    if names.is_empty() { format!("{what}.") } else { format!("{what}: `{}`.", names.join("::")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str]) -> BTreeMap<String, (Vec<String>, Vec<String>)> {
        let layout = Layout { files: files.iter().map(|&file| file.to_owned()).collect(), ..Layout::default() };
        let folders = folders(&Model::default(), &layout);
        let listed = |names: &BTreeSet<String>| names.iter().cloned().collect();
        folders.iter().map(|folder| (folder.path.clone(), (listed(&folder.folders), listed(&folder.others)))).collect()
    }

    /// If this fails, a file that a person put beside a controller is not part of the crate, or breaks it.
    #[test]
    fn other_files_are_named_and_modules_by_hand_are_left_alone() {
        let folders = found(&[
            "src/controllers/pricing.rs",
            "src/controllers/type.rs",
            "src/controllers/not-a-module.rs",
            "src/controllers/shared/money.rs",
            "src/controllers/own/mod.rs",
            "src/controllers/own/inner.rs",
            "src/parsers/frames.rs",
            "src/parsers/frames/header.rs",
        ]);
        let strings = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(folders["src/controllers"], (strings(&["shared"]), strings(&["own", "pricing", "r#type"])));
        assert_eq!(folders["src/controllers/shared"], (strings(&[]), strings(&["money"])));
        assert_eq!(folders["src/parsers"], (strings(&[]), strings(&["frames"])));
        assert!(!folders.contains_key("src/controllers/own") && !folders.contains_key("src/parsers/frames"));
    }
}
