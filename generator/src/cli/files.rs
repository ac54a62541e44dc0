//! Carrying out a plan: what is shown of it, and when it is applied.

use std::{
    fmt::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use karafka::foreign;
use karafka_generator::{
    diagnostic::{Difference, line_changes, unified},
    plan::{self, Action, ApplyError, Held, Plan, Step, Tree},
    source::Source,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{
    Exit, Shell,
    interrupted::journals,
    shell::{Tone, status_line},
};

/// How many lines of a difference are shown unless all are asked for.
pub(crate) const GLANCE: usize = 12;

/// How a command that changes files goes about it.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Mode {
    /// Show what would be done, and do nothing
    #[arg(long, global = true, help_heading = "What is written")]
    pub(crate) dry_run: bool,

    /// Show how each file changes
    #[arg(long, global = true, help_heading = "What is written")]
    pub(crate) diff: bool,

    /// Overwrite generated files that were edited by hand
    #[arg(long, global = true, help_heading = "What is written")]
    pub(crate) force: bool,

    /// Let consumers move to another group, which starts from a new offset
    #[arg(long, global = true, help_heading = "What is written")]
    pub(crate) accept_group_change: bool,
}

impl Mode {
    pub(crate) fn options(self) -> plan::Options {
        plan::Options { force: self.force, accept_group_change: self.accept_group_change }
    }
}

/// Shows the plan and, if it is clear and not a dry run, applies it.
///
/// The app's folder stands before each path that is shown, unless it is the current one. `tree` and `manifest` are what the plan
/// was made from, and what its problems are about.
pub(crate) fn carry_out(
    shell: &Shell,
    held: &Held,
    plan: &Plan,
    (tree, manifest): (&Tree, &Source),
    mode: Mode,
) -> anyhow::Result<Exit> {
    let root = held.root();
    shell.err(&shell.findings(&plan::warnings(plan, manifest), shell.color_err()));
    if !plan.problems.is_empty() {
        return Ok(refuse(shell, plan, (tree, manifest), GLANCE));
    }
    if plan.is_clear() && !mode.dry_run {
        let interrupted = interruption()?;
        let journals = journals();
        if plan.steps.iter().any(|step| step.action.writes())
            && let Err(reason) = journals.prepare(root)
        {
            let words = format!("if this command is killed, what it has begun stays: {reason}");
            shell.progress(Tone::Notice, "unguarded", &words);
        }
        match held.apply(plan, &journals, &|| interrupted.load(Ordering::Relaxed)) {
            Ok(()) => {}
            Err(ApplyError::Interrupted) => {
                shell.summary("interrupted; nothing was changed");
                return Ok(Exit::Interrupted);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if !shell.quiet || !plan.is_clear() {
        let listing = listing(plan, root, shell.verbose, shell.color_out());
        shell.out(&listing)?;
    }
    if mode.diff {
        shell.out(&diffs(plan, shell.color_out()))?;
    }
    if !plan.is_clear() {
        // What has been shown whole is not shown in part.
        return Ok(refuse(shell, plan, (tree, manifest), if mode.diff { 0 } else { GLANCE }));
    }
    if mode.dry_run {
        shell.summary("a dry run: nothing was written");
    }
    Ok(Exit::Done)
}

/// Reports why nothing is written; of each file that was edited by hand, `lines` lines.
fn refuse(shell: &Shell, plan: &Plan, (tree, manifest): (&Tree, &Source), lines: usize) -> Exit {
    shell.err(&shell.findings(&plan::obstacles(plan, tree, manifest, lines), shell.color_err()));
    shell.summary("nothing was written");
    Exit::Wrong
}

/// Turns true when the user or the system wants us to stop, or the terminal has gone; until then a signal no longer kills.
pub(crate) fn interruption() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    // Under `nohup` it means nothing.
    if !karafka::hang_up_is_ignored() {
        signal_hook::flag::register(SIGHUP, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// A word and a file a line, and what there is to say about it.
pub(crate) fn listing(plan: &Plan, root: &Path, verbose: bool, color: bool) -> String {
    let prefix = match root.to_str() {
        None | Some("" | ".") => String::new(),
        Some(root) => format!("{}/", root.trim_end_matches('/')),
    };
    let mut rows: Vec<(Action, String, String)> = Vec::new();
    let new_folder = all_new(plan, "src/generated/");
    // It changes with everything else; by itself, when it was deleted or merged.
    let only_lock = plan.steps.iter().all(|step| step.path == plan::LOCK || !step.action.writes());
    for step in &plan.steps {
        if !verbose && (step.action == Action::Identical || step.path == plan::LOCK && !only_lock) {
            continue;
        }
        if new_folder && step.path.starts_with("src/generated/") {
            if step.path.ends_with("/mod.rs") {
                let files =
                    plan.steps.iter().filter_map(|step| step.path.strip_prefix("src/generated/")?.strip_suffix(".rs"));
                let files: Vec<_> = files.filter(|name| !matches!(*name, "mod" | "prelude")).collect();
                rows.push((step.action, "src/generated/".to_owned(), files.join(", ")));
            }
            continue;
        }
        rows.push((step.action, foreign::line(&step.path).into_owned(), note(plan, step)));
    }
    let width = rows.iter().filter(|row| !row.2.is_empty()).map(|row| row.1.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (action, path, note) in rows {
        let padding = if note.is_empty() { 0 } else { width.saturating_sub(path.chars().count()) + 2 };
        let text = format!("{prefix}{path}{:padding$}{note}", "");
        out.push_str(&status_line(tone(action), action.word(), &text, color));
    }
    out
}

fn all_new(plan: &Plan, folder: &str) -> bool {
    plan.steps.iter().filter(|step| step.path.starts_with(folder)).all(|step| step.action == Action::Create)
}

fn tone(action: Action) -> Tone {
    match action {
        Action::Create | Action::Update => Tone::Good,
        Action::Identical => Tone::Calm,
        Action::Keep | Action::Remove => Tone::Notice,
        Action::Conflict => Tone::Bad,
    }
}

fn note(plan: &Plan, step: &Step) -> String {
    match step.action {
        Action::Keep => match plan.renamed_to(&step.path) {
            Some(new) => format!(
                "no longer in the manifest; if it was renamed: git mv -f {} {}",
                foreign::line(&step.path),
                foreign::line(new)
            ),
            None => "no longer in the manifest; it is yours to delete".to_owned(),
        },
        Action::Remove => "no longer wanted".to_owned(),
        Action::Update if matches!(step.path.as_str(), "karafka.yml" | "Cargo.toml") => {
            let (Some(before), Some(after)) = (&step.before, &step.after) else { return String::new() };
            let changed = match line_changes(before, after) {
                (added, 0) => format!("+{}", lines(added)),
                (added, removed) => format!("+{added} -{}", lines(removed)),
            };
            match plan::changed_dependencies(before, after) {
                Some(dependencies) if step.path == "Cargo.toml" => format!("{changed}: {dependencies}"),
                _ => changed,
            }
        }
        Action::Conflict | Action::Create | Action::Update | Action::Identical => String::new(),
    }
}

fn lines(number: usize) -> String {
    super::app::count(number, "line")
}

/// How files change, as a unified diff.
fn diffs(plan: &Plan, color: bool) -> String {
    let mut out = String::new();
    for step in plan.steps.iter().filter(|step| step.differs() && step.path != plan::LOCK) {
        let Some(before) = &step.before else { continue };
        let path = foreign::line(&step.path);
        let _ = write!(out, "\n--- {path}\n+++ {path}{}\n", if step.after.is_none() { " (removed)" } else { "" });
        let (before, after) = (before.clone(), step.after.clone().unwrap_or_default());
        out.push_str(&unified(&step.path, &Difference { before, after, limit: usize::MAX }, color));
    }
    out
}
