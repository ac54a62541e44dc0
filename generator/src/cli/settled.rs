//! What other programs do for a new app: cargo settles its lock file, git makes its repository.

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
};

use super::{Shell, shell::Tone};

/// The cargo that called us, or the one of the `PATH`.
pub(super) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Lets cargo bring the lock file in step, so that `cargo build --locked` works at once. It is asked from a folder that
/// nobody else has put settings into, and reaches for no network; if it cannot, the first build does it.
pub(super) fn settle_lock_file(app: &Path) {
    let mut command = Command::new(cargo());
    // What is in it already keeps its version.
    command.args(["update", "--workspace", "--offline", "--manifest-path"]).arg(app.join("Cargo.toml"));
    let _ = quietly(command.current_dir("/"));
}

/// Makes a repository of git in the app's folder; without git there is none.
pub(super) fn make_repository(app: &Path, shell: &Shell) {
    let mut command = Command::new("git");
    // A hook that calls us has a repository in its environment, which is another one.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.split('_').next() == Some("GIT")) {
            command.env_remove(name);
        }
    }
    command.args(["init", "--quiet"]).arg(app);
    if !quietly(&mut command) && shell.verbose {
        shell.progress(Tone::Notice, "no git", "`git init` did not work");
    }
}

fn quietly(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
