//! Why nothing can be written.

use karafka::foreign;

use super::Tree;
use crate::{
    diagnostic::{Diagnostic, Finding, codes},
    manifest::{self, without_variables},
    source::{Source, Span},
};

/// Why nothing can be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A consumer would get a group id of another name, and so other offsets.
    #[error(
        "`{}` would move from group {} to {}, and a new group starts from a new offset",
        foreign::line(topic),
        foreign::line(from),
        foreign::line(to)
    )]
    GroupMoves {
        /// The topic's key.
        topic: String,
        /// The ids that would be left, in backquotes.
        from: String,
        /// The ids that would be new, in backquotes.
        to: String,
    },
    /// A file, or something else, stands where a folder must be.
    #[error("`{}` is a file, and a folder must be there", foreign::line(.0))]
    NotAFolder(String),
    /// A folder, or something else, stands where a file must be.
    #[error("`{}` is a folder, and a file must be there", foreign::line(.0))]
    NotAFile(String),
    /// A symbolic link stands where a file would be written: it could lead out of the app.
    #[error("`{}` is a symbolic link, and karafka writes only inside the app", foreign::line(.0))]
    Link(String),
    /// A file that must be read is not text.
    #[error("`{}` is not UTF-8", foreign::line(.0))]
    NotUtf8(String),
    /// A file of the user's stands where one would be generated.
    #[error("`{}` is yours, and karafka would generate a file there", foreign::line(.0))]
    NotGenerated(String),
    /// A file of the app's own, which must be read, holds both sides of a merge.
    #[error("`{}` holds a merge that is not settled", foreign::line(path))]
    UnsettledMerge {
        /// The file.
        path: String,
        /// Its first marker.
        span: Span,
    },
    /// A file and a folder would be one module.
    #[error(
        "`{}` and `{}/mod.rs` would be one module; move the file into the folder under another name",
        foreign::line(file),
        foreign::line(folder)
    )]
    TwoModules {
        /// The file.
        file: String,
        /// The folder.
        folder: String,
    },
    /// `Cargo.toml` names the library in another way than the app's files do.
    #[error("the crate is `{crate_name}` by `app:` in karafka.yml, and `{}` here", foreign::line(found))]
    OtherCrate {
        /// Where `Cargo.toml` names it.
        span: Span,
        /// The library's name there.
        found: String,
        /// What must stand there.
        wanted: String,
        /// The library's name in the app's files.
        crate_name: String,
    },
    /// `Cargo.toml` cannot be read.
    #[error("`Cargo.toml` is not right: {}", foreign::page(words, false))]
    Cargo {
        /// Where, if that is known.
        span: Option<Span>,
        /// Why.
        words: String,
    },
}

impl Problem {
    /// Whether a group's id would stay the same wherever none of the variables that it names is set.
    #[must_use]
    pub fn is_the_same_by_default(&self) -> bool {
        matches!(self, Self::GroupMoves { from, to, .. } if without_variables(from) == without_variables(to))
    }

    /// The problem in the text that it is about.
    pub(super) fn finding(&self, tree: &Tree, manifest: &Source) -> Finding {
        let (source, span) = self.place(tree, manifest);
        let diagnostic = Diagnostic::error(self.code(), span, self.to_string()).help(self.help());
        Finding { source, diagnostic }
    }

    fn place(&self, tree: &Tree, manifest: &Source) -> (Source, Span) {
        let whole = |path: &str| (Source::whole(path), Span::default());
        let inside = |path: &str, span: Option<Span>| match (span, tree.text(path)) {
            (Some(span), Some(text)) => (Source::new(path, text), span),
            _ => whole(path),
        };
        match self {
            Self::GroupMoves { topic, .. } => {
                let topics = manifest::read(manifest).0.map(|read| read.topics).unwrap_or_default();
                let key = topics.into_iter().map(|read| read.key).find(|key| key.value == *topic);
                key.map_or_else(|| whole(&manifest.name), |key| (manifest.clone(), key.span))
            }
            Self::NotAFolder(path)
            | Self::NotAFile(path)
            | Self::Link(path)
            | Self::NotUtf8(path)
            | Self::NotGenerated(path) => whole(path),
            Self::TwoModules { file, .. } => whole(file),
            Self::UnsettledMerge { path, span } => inside(path, Some(*span)),
            Self::OtherCrate { span, .. } => inside("Cargo.toml", Some(*span)),
            Self::Cargo { span, .. } => inside("Cargo.toml", *span),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::GroupMoves { .. } => codes::GROUP_CHANGE,
            Self::UnsettledMerge { .. } => codes::UNSETTLED_MERGE,
            Self::TwoModules { .. } => codes::TWO_MODULES,
            Self::Cargo { .. } | Self::OtherCrate { .. } => codes::CARGO_TOML,
            Self::NotAFolder(_) | Self::NotAFile(_) | Self::Link(_) | Self::NotUtf8(_) | Self::NotGenerated(_) => {
                codes::FILE_IN_THE_WAY
            }
        }
    }

    /// What to do about it.
    fn help(&self) -> String {
        let help = match self {
            Self::GroupMoves { .. } if self.is_the_same_by_default() => {
                "it is the same id wherever no variable is set; where one is, the group moves: say that you mean it, \
                 `karafka generate --accept-group-change`"
            }
            Self::GroupMoves { .. } => {
                "put the group back (the same `id` under another key is the same group), or say that you mean it: \
                 `karafka generate --accept-group-change`"
            }
            Self::NotAFolder(_) | Self::NotAFile(_) => "move it away",
            Self::Link(_) => "put a file or a folder there, or call karafka where the link leads",
            Self::NotUtf8(_) => "save it as UTF-8, or delete it if it is a generated file",
            Self::NotGenerated(_) => {
                "move it away; a `mod.rs` that karafka generates declares every other file of its folder too, and re-exports \
                 nothing of theirs"
            }
            Self::UnsettledMerge { .. } => "keep what is right of both sides, and take out git's lines",
            Self::TwoModules { .. } => "a module is a file or a folder, not both",
            Self::OtherCrate { found, wanted, crate_name, .. } => {
                return format!(
                    "write `name = \"{wanted}\"`, and `{crate_name}::` for `{found}::` in `src/main.rs` and `tests/`; or \
                     put `app:` back: `group:` under `defaults` changes the group alone"
                );
            }
            Self::Cargo { .. } => "mend it, so that cargo can read it too",
        };
        help.to_owned()
    }
}
