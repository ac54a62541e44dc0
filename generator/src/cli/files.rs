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
    diagnostic::{github_data, github_property, redacted},
    plan::{self, Action, ApplyError, Plan, Problem, Step},
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use similar::{ChangeTag, TextDiff};

use super::{
    Exit, OutputFormat, Shell,
    interrupted::journals,
    shell::{Tone, paint, status_line},
};

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
/// `root` stands before each path that is shown, unless it is the current folder.
pub(crate) fn carry_out(shell: &Shell, root: &Path, plan: &Plan, mode: Mode) -> anyhow::Result<Exit> {
    if !plan.problems.is_empty() {
        for problem in &plan.problems {
            shell.err(&problem_text(problem, shell.color_err()));
        }
        shell.summary("nothing was written");
        return Ok(Exit::Wrong);
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
        match plan::apply(root, plan, &journals, &|| interrupted.load(Ordering::Relaxed)) {
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
        shell.out(&diffs(plan, shell.color_out(), usize::MAX))?;
    }
    if !plan.is_clear() {
        shell.summary("nothing was written");
        return Ok(Exit::Wrong);
    }
    if mode.dry_run {
        shell.summary("a dry run: nothing was written");
    }
    Ok(Exit::Done)
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
                rows.push((step.action, "src/generated/".to_owned(), "messages, topics, workers, routes".to_owned()));
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
        Action::Conflict => "edited by hand; `karafka generate --diff` shows how, `--force` overwrites".to_owned(),
        Action::Remove => "no longer wanted".to_owned(),
        Action::Update if matches!(step.path.as_str(), "karafka.yml" | "Cargo.toml") => {
            match (&step.before, &step.after) {
                (Some(before), Some(after)) => match plan::line_changes(before, after) {
                    (added, 0) => format!("+{}", lines(added)),
                    (added, removed) => format!("+{added} -{}", lines(removed)),
                },
                _ => String::new(),
            }
        }
        Action::Create | Action::Update | Action::Identical => String::new(),
    }
}

fn lines(number: usize) -> String {
    super::app::count(number, "line")
}

/// How files change, as a unified diff; of each at most `limit` lines.
pub(crate) fn diffs(plan: &Plan, color: bool, limit: usize) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        let (Some(before), true) = (&step.before, differs(step)) else {
            continue;
        };
        if step.path == plan::LOCK {
            continue;
        }
        let after = step.after.as_deref().unwrap_or_default();
        let path = foreign::line(&step.path);
        let _ = write!(out, "\n--- {path}\n+++ {path}{}\n", if step.after.is_none() { " (removed)" } else { "" });
        diff(&mut out, &step.path, (before, after), color, limit);
    }
    out
}

/// The most lines, of both texts together, among which differences are looked for: that takes time by their square, and
/// a checkout may hold any number of them.
const COMPARED: usize = 10_000;

fn diff(out: &mut String, path: &str, (before, after): (&str, &str), color: bool, limit: usize) {
    let differing = differing_lines(before, after);
    if differing > COMPARED {
        let _ = writeln!(out, "  … {differing} lines, more than are compared");
        return;
    }
    let diff = TextDiff::from_lines(before, after);
    // What differs is told by the texts as they are, and shown without their secrets.
    let (before, after) = (redacted(path, before), redacted(path, after));
    let lines = |text| -> Vec<&str> { str::split(text, '\n').collect() };
    let (before, after) = (lines(&before), lines(&after));
    let mut left = limit;
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        if left == 0 {
            break;
        }
        let _ = writeln!(out, "{}", paint(Tone::Calm, &hunk.header().to_string(), color));
        for change in hunk.iter_changes() {
            if left == 0 {
                let _ = writeln!(out, "  … more with --diff");
                break;
            }
            left -= 1;
            let (sign, tone) = match change.tag() {
                ChangeTag::Delete => ('-', Some(Tone::Bad)),
                ChangeTag::Insert => ('+', Some(Tone::Good)),
                ChangeTag::Equal => (' ', None),
            };
            let old = change.old_index().and_then(|index| before.get(index));
            let shown = change.new_index().and_then(|index| after.get(index)).or(old).copied().unwrap_or_default();
            let line = format!("{sign}{}", shown.trim_end_matches('\r'));
            let _ = writeln!(out, "{}", tone.map_or_else(|| line.clone(), |tone| paint(tone, &line, color)));
        }
    }
}

/// How many lines two texts have between those that they begin and end with in common.
fn differing_lines(before: &str, after: &str) -> usize {
    let lines = |text| -> Vec<&str> { str::lines(text).collect() };
    let (before, after) = (lines(before), lines(after));
    let same = |(one, other): &(&&str, &&str)| one == other;
    let begin = before.iter().zip(&after).take_while(same).count();
    let end = before[begin..].iter().rev().zip(after[begin..].iter().rev()).take_while(same).count();
    before.len() + after.len() - 2 * (begin + end)
}

/// Whether the file is not as the plan would have it.
fn differs(step: &Step) -> bool {
    step.action.writes() || step.action == Action::Conflict
}

/// A problem's code, as diagnostics have one.
pub(crate) fn code(problem: &Problem) -> &'static str {
    match problem {
        Problem::GroupMoves { .. } => "group-change",
        Problem::TwoModules { .. } => "two-modules",
        Problem::Cargo(_) | Problem::OtherCrate { .. } => "cargo-toml",
        _ => "file-in-the-way",
    }
}

/// What to do about a problem.
pub(crate) fn help(problem: &Problem) -> &'static str {
    match problem {
        Problem::GroupMoves { .. } if problem.is_the_same_by_default() => {
            "it is the same id wherever no variable is set; where one is, the group moves: say that you mean it, `karafka \
             generate --accept-group-change`"
        }
        Problem::GroupMoves { .. } => {
            "put the group back (the same `id` under another key is the same group), or say that you mean it: `karafka \
             generate --accept-group-change`"
        }
        Problem::NotAFolder(_) | Problem::NotAFile(_) => "move it away",
        Problem::Link(_) => "put a file or a folder there, or call karafka where the link leads",
        Problem::NotUtf8(_) => "save it as UTF-8, or delete it if it is a generated file",
        Problem::TwoModules { .. } => "a module is a file or a folder, not both",
        Problem::OtherCrate { .. } => "or put `app:` back; `group:` under `defaults` changes the group alone",
        Problem::Cargo(_) => "mend it, so that cargo can read it too",
        _ => "",
    }
}

fn problem_text(problem: &Problem, color: bool) -> String {
    let mark = paint(Tone::Bad, &format!("error[{}]", code(problem)), color);
    let help_mark = paint(Tone::Calm, "help", color);
    format!("{mark}: {}\n{help_mark}: {}\n\n", problem, help(problem))
}

/// What is out of step, as `check` reports it: in the format of the diagnostics.
pub(crate) fn drift(plan: &Plan, shell: &Shell) -> String {
    let color = shell.color_out();
    let mut found: Vec<(&'static str, String, String, String)> = Vec::new();
    for problem in &plan.problems {
        let file = if code(problem) == "cargo-toml" { "Cargo.toml" } else { "karafka.yml" };
        found.push((code(problem), file.to_owned(), problem.to_string(), help(problem).to_owned()));
    }
    let only_lock = plan.problems.is_empty() && plan.steps.iter().all(|step| step.path == plan::LOCK || !differs(step));
    for step in plan.steps.iter().filter(|step| step.path != plan::LOCK || only_lock) {
        let (code, what, help) = match step.action {
            Action::Create => ("missing", "is missing", "run `karafka generate`"),
            Action::Update => ("out-of-step", "is out of step with karafka.yml", "run `karafka generate`"),
            Action::Remove => ("left-over", "is no longer wanted", "run `karafka generate`"),
            Action::Conflict => {
                ("edited", "was edited by hand", "move the edit elsewhere and run `karafka generate --force`")
            }
            Action::Identical | Action::Keep => continue,
        };
        let path = foreign::line(&step.path).into_owned();
        found.push((code, path.clone(), format!("`{path}` {what}"), help.to_owned()));
    }
    let mut out = String::new();
    for (code, file, message, help) in &found {
        match shell.format {
            OutputFormat::Full => {
                let mark = paint(Tone::Bad, &format!("drift[{code}]"), color);
                let _ = writeln!(out, "{mark}: {message}");
            }
            OutputFormat::Concise => {
                let _ = writeln!(out, "{file}: drift[{code}]: {}; {help}", foreign::line(message));
            }
            OutputFormat::Json => {
                let line = serde_json::json!({
                    "kind": "drift", "code": code, "severity": "error", "message": message, "file": file,
                    "line": null, "column": null, "end_line": null, "end_column": null,
                    "help": help, "suggestion": null,
                });
                let _ = writeln!(out, "{}", foreign::json(&line.to_string()));
            }
            OutputFormat::Github => {
                let (file, message) = (github_property(file), github_data(message));
                let _ = writeln!(out, "::error file={file},title=drift[{code}]::{message}; {help}");
            }
        }
    }
    if shell.format == OutputFormat::Full && !found.is_empty() {
        let helps: std::collections::BTreeSet<_> = found.iter().map(|(.., help)| help.as_str()).collect();
        for help in helps {
            let _ = writeln!(out, "{}: {help}", paint(Tone::Calm, "help", color));
        }
    }
    out
}
