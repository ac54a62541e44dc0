//! What lies around an app: the cargo workspace that it is a member of, or would be; the repository.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use glob::Pattern;
use karafka::foreign;
use karafka_generator::{plan::read_file, workspace::Workspace};

use super::{Shell, holding, interrupted::Access, runtime};

/// A workspace above an app.
#[derive(Debug)]
pub(crate) struct Above {
    /// Its folder.
    pub(crate) root: PathBuf,
    /// The app's folder from there, with `/`.
    pub(crate) path: String,
    /// What its `Cargo.toml` says.
    pub(crate) workspace: Workspace,
}

impl Above {
    /// The workspace that the app in this folder, without links and not necessarily there, belongs to as cargo sees it:
    /// the next one above that does not keep it out. A checkout of karafka is none: apps are made in it to be tried.
    pub(crate) fn find(app: &Path) -> Option<Self> {
        let checkout = runtime::checkout();
        for root in app.ancestors().skip(1) {
            let Some(text) = text(root) else { continue };
            let Some(workspace) = Workspace::parse(&text) else { continue };
            let path = app.strip_prefix(root).ok()?.to_str()?.replace('\\', "/");
            let is_kept_out = workspace.excludes(&path) && !workspace.lists(&path);
            let is_ours = checkout.as_deref() == Some(root) && !workspace.lists(&path);
            return (!is_kept_out && !is_ours).then(|| Self { root: root.to_path_buf(), path, workspace });
        }
        None
    }

    /// The workspace of an app that is there, unless it is one of its own.
    pub(crate) fn of(app: &Path) -> Option<Self> {
        if text(app).is_some_and(|text| Workspace::parse(&text).is_some()) {
            return None;
        }
        Self::find(app)
    }

    /// Whether the app is a member already, by its name or by a pattern.
    pub(crate) fn has_member(&self) -> bool {
        self.workspace.lists(&self.path)
    }

    /// The folder of another package of this name: of two, cargo refuses every command in the workspace.
    pub(crate) fn namesake(&self, name: &str) -> Option<String> {
        let pattern = |member: &str| Some(Pattern::escape(self.root.to_str()?) + "/" + member);
        let listed = self.workspace.members().filter_map(pattern).filter_map(|member| glob::glob(&member).ok());
        let mut packages = listed.flatten().filter_map(Result::ok).chain([self.root.clone()]);
        packages.find_map(|folder| {
            let path = folder.strip_prefix(&self.root).ok()?.to_str()?.replace('\\', "/");
            let is_another = path != self.path && (path.is_empty() || !self.workspace.excludes(&path));
            let named = || text(&folder).and_then(|text| package_name(&text)).is_some_and(|found| found == name);
            (is_another && named()).then(|| if path.is_empty() { ".".to_owned() } else { path })
        })
    }

    /// What becomes of the workspace where the app is none yet, for a person.
    pub(crate) fn new_member(&self) -> String {
        format!("{}  +1 member, `{}`", foreign::path(&self.root.join("Cargo.toml")), foreign::line(&self.path))
    }

    /// Makes the app a member. Another command that does the same for another app is waited for.
    pub(crate) fn add_member(&self, shell: &Shell) -> anyhow::Result<()> {
        let _held = holding::hold(&self.root, shell, Access::Write("new"))?;
        let file = self.root.join("Cargo.toml");
        let cannot = || {
            format!(
                "`{}` cannot be changed; write `{}` under `members` there, or cargo refuses every command in both",
                foreign::path(&file),
                foreign::line(&self.path)
            )
        };
        // As it is now: since it was looked at, others may have come.
        let workspace = text(&self.root).and_then(|text| Workspace::parse(&text)).with_context(cannot)?;
        let text = workspace.with_member(&self.path).with_context(cannot)?;
        let draft = self.root.join(format!("Cargo.toml.{}", uuid::Uuid::new_v4().simple()));
        let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &file));
        if written.is_err() {
            let _ = std::fs::remove_file(&draft);
        }
        written.with_context(cannot)
    }
}

/// The text of the `Cargo.toml` in a folder.
pub(crate) fn text(folder: &Path) -> Option<String> {
    String::from_utf8(read_file(&folder.join("Cargo.toml")).ok()?).ok()
}

/// The name of the package that a `Cargo.toml` is of.
fn package_name(text: &str) -> Option<String> {
    let document: toml_edit::DocumentMut = text.parse().ok()?;
    Some(document.get("package")?.get("name")?.as_str()?.to_owned())
}

/// The folder of the repository that a folder lies in, which need not be there.
pub(crate) fn repository(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|at| [".git", ".hg", ".jj", ".pijul", ".fossil"].iter().any(|name| at.join(name).exists()))
}
