//! Why a process does not start, or ends otherwise than well: in its log for machines, and for a person at a terminal.

use std::{
    cell::Cell,
    io::{self, IsTerminal as _, Write as _},
};

use super::{FAILED, Status};
use crate::{
    foreign,
    settings::{Question, Settings},
};

/// Reports what is wrong, where whoever has to know it looks.
///
/// In development that is standard error. Everywhere else it is the log, an object of JSON as every other line, and
/// standard error beside it where that is a terminal, or where the log's filter leaves errors out.
pub(super) struct Complaints {
    /// The app and its environment, where there is a log for machines.
    logged: Option<(&'static str, String)>,
    /// What is probably not meant as it is, until it is said.
    questions: Cell<Vec<Question>>,
}

impl Complaints {
    /// Of an app with these settings, whose log has begun.
    pub(super) fn new(app: &'static str, settings: &Settings, questions: Vec<Question>) -> Self {
        let logged = (!settings.is_development()).then(|| (app, settings.environment.clone()));
        Self { logged, questions: Cell::new(questions) }
    }

    /// Reports what no event tells.
    pub(super) fn complain(&self, reason: &str) {
        if let Some((app, environment)) = &self.logged {
            let (message, help) = split(reason);
            tracing::error!(target: "karafka", app, environment, help, "{message}");
        }
        self.repeat(reason);
    }

    /// Prints at a terminal what the log has by an event.
    pub(super) fn repeat(&self, reason: &str) {
        let is_logged = self.logged.is_some() && tracing::enabled!(target: "karafka", tracing::Level::ERROR);
        if !is_logged || io::stderr().is_terminal() {
            print(reason);
        }
    }

    /// Reports why the app ends.
    pub(super) fn fail(&self, reason: &str) -> Status {
        self.complain(reason);
        // One of these may be why.
        self.ask();
        FAILED
    }

    /// Reports what is probably not meant as it is, once.
    pub(super) fn ask(&self) {
        for question in self.questions.take() {
            tracing::warn!(target: "karafka", "{question}");
        }
    }
}

/// Prints a complaint on standard error.
pub(super) fn print(reason: &str) {
    let _ = io::stderr().lock().write_all(complaint(reason).as_bytes());
}

/// What is wrong, and what to do: the lines that are indented.
fn split(reason: &str) -> (String, Option<String>) {
    let is_help = |line: &&str| line.starts_with("  ");
    let (help, message): (Vec<_>, Vec<_>) =
        foreign::cut(reason).lines().map(str::to_owned).partition(|line| is_help(&&**line));
    let help: Vec<_> = help.iter().map(|line| line.trim()).collect();
    (message.join("\n"), (!help.is_empty()).then(|| help.join("; ")))
}

/// A line of standard error, and lines that belong to it, which are indented: none of them looks like a complaint.
pub(super) fn complaint(reason: &str) -> String {
    let mut text = String::new();
    for (index, line) in foreign::page(reason, false).lines().enumerate() {
        let indent = match index {
            0 => "error: ",
            _ if line.starts_with("  ") => "",
            _ => "  ",
        };
        text.push_str(indent);
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, whoever reads an error in the log is not told what to do about it, or not apart from what is wrong.
    #[test]
    fn what_to_do_is_a_field_of_its_own() {
        let of = |text| {
            let (message, help) = split(text);
            format!("{message}|{}", help.unwrap_or_default())
        };
        assert_eq!(
            of("no brokers are configured\n  set KARAFKA_BROKERS\n  or not"),
            "no brokers are configured|set KARAFKA_BROKERS; or not"
        );
        assert_eq!(of("the state: relation\n│ does not exist"), "the state: relation\n│ does not exist|");
    }
}
