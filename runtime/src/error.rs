//! Why a message failed, in the words of the app's author.

use std::{error::Error as StdError, fmt, time::Duration};

/// What [`crate::Controller::perform`] and its neighbours return.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why a message could not be handled.
///
/// Any error converts into it with `?`; [`Error::new`] makes one from words, [`Error::from_boxed`] from what is boxed already.
/// Like `anyhow::Error` it does not implement [`std::error::Error`] itself, because that would forbid the conversion; it
/// converts into `Box<dyn std::error::Error + Send + Sync>`, and comes back from there as it was.
///
/// Its text is that of the error and of each error behind it, outermost first, joined with `: `.
pub struct Error {
    // In a place of its own, so that an attempt that goes well moves no room for one about.
    inner: Box<Inner>,
}

struct Inner {
    source: BoxError,
    type_name: &'static str,
    permanent: bool,
    wait: Option<Duration>,
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl Error {
    /// An error that says `message`.
    pub fn new(message: impl fmt::Display) -> Self {
        Self::of(message.to_string().into(), OF_WORDS)
    }

    fn of(source: BoxError, type_name: &'static str) -> Self {
        Self { inner: Box::new(Inner { source, type_name, permanent: false, wait: None }) }
    }

    /// From whatever converts into a boxed error: what is one already, a text, an `anyhow::Error`, an error of any type. An
    /// [`Error`] that was boxed comes back as it was, permanence and wait included; one that has gone through `anyhow` has kept its
    /// words, and what `anyhow` shows of its causes.
    ///
    /// ```
    /// # use karafka::{Error, Result};
    /// # fn parse() -> Result<u32, Box<dyn std::error::Error + Send + Sync>> { Ok(7) }
    /// # fn check(_: u32) -> Result<(), String> { Ok(()) }
    /// # fn perform() -> Result {
    /// let number = parse().map_err(Error::from_boxed)?;
    /// check(number).map_err(Error::from_boxed)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_boxed<E: Into<Box<dyn StdError + Send + Sync>>>(error: E) -> Self {
        match error.into().downcast::<Boxed>() {
            Ok(boxed) => boxed.0,
            Err(source) => Self::of(source, type_name_of::<E>()),
        }
    }

    /// An error that no further attempt will mend: the record goes to the dead letter topic at once, or, where there is
    /// none, waits for the longest backoff each time. It is made from what [`Error::from_boxed`] takes.
    ///
    /// ```
    /// # use karafka::{Error, Result};
    /// # fn charge() -> std::io::Result<()> { Ok(()) }
    /// # fn perform() -> Result {
    /// charge().map_err(Error::permanent)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn permanent(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::from_boxed(error);
        error.inner.permanent = true;
        error
    }

    /// The same error, which the next attempt comes so long after: for what says itself when to come back, such as an HTTP
    /// service that answers 429 with `Retry-After`.
    ///
    /// It is obeyed where the backoff would have spoken, to the letter and without jitter, up to an hour, or to the longest
    /// backoff if the manifest has a longer one; the attempt counts as any other. Jobs on Redis obey it too. An error that is
    /// [permanent](Error::permanent) has no next attempt to wait for.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use karafka::{Error, Result};
    /// # fn call() -> (u16, u64) { (429, 30) }
    /// # fn perform() -> Result {
    /// let (status, retry_after) = call();
    /// if status == 429 {
    ///     return Err(Error::new("too many requests").retry_after(Duration::from_secs(retry_after)));
    /// }
    /// # Ok(())
    /// # }
    /// # assert_eq!(perform().unwrap_err().asked_wait(), Some(Duration::from_secs(30)));
    /// ```
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.inner.wait = Some(wait);
        self
    }

    /// How long the next attempt is to wait, if the error says so.
    #[must_use]
    pub fn asked_wait(&self) -> Option<Duration> {
        self.inner.wait
    }

    /// Whether a further attempt is pointless.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.inner.permanent
    }

    /// The Rust type that the error was made from, as the compiler writes it; one of karafka's own under the name that it
    /// has in this documentation.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.inner.type_name
    }

    /// The same error under another name than its type's.
    #[cfg(feature = "jobs")]
    pub(crate) fn called(mut self, name: &'static str) -> Self {
        self.inner.type_name = name;
        self
    }

    /// The same error behind `words`, which say what failed.
    ///
    /// ```
    /// # use karafka::Error;
    /// let error = Error::from(std::io::Error::other("disk full")).context("the invoice is not written");
    /// assert_eq!(error.to_string(), "the invoice is not written: disk full");
    /// assert!(error.downcast_ref::<std::io::Error>().is_some());
    /// ```
    #[must_use]
    pub fn context(mut self, words: impl fmt::Display) -> Self {
        let words = words.to_string();
        let source = std::mem::replace(&mut self.inner.source, "".into());
        self.inner.source = Box::new(InContext { words, source });
        self
    }

    /// The error of this type that this was made from, or the first one behind it.
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.errors().find_map(|error| error.downcast_ref())
    }

    /// What lies behind the error that this was made from.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.source()
    }

    /// The error that this was made from, and each behind it.
    fn errors(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        let first: &(dyn StdError + 'static) = &*self.inner.source;
        std::iter::successors(Some(first), |&error| error.source())
    }
}

/// What an error calls itself that is made of words alone.
const OF_WORDS: &str = "karafka::Error";

/// As the compiler writes it; a text, or a box, is no type that would say anything, and where karafka's own types lie in its source
/// helps nobody who reads of them in a dead letter or on Sidekiq's page.
fn type_name_of<E>() -> &'static str {
    match std::any::type_name::<E>() {
        "&str" | "alloc::string::String" | "alloc::borrow::Cow<str>" => OF_WORDS,
        name if name.starts_with("alloc::boxed::Box<dyn core::error::Error") => OF_WORDS,
        name => name.strip_prefix("karafka::").map_or(name, public_name),
    }
}

/// Errors that an app can meet: where each lies in the crate, and the path under which its documentation has it. Two of them go by
/// one name.
const PUBLIC: [(&str, &str); 11] = [
    ("broker::BrokerError", "karafka::broker::BrokerError"),
    ("broker::beacon::UntrustedBeacon", "karafka::broker::UntrustedBeacon"),
    ("engine::start_error::StartError", "karafka::StartError"),
    ("outgoing::error::SendError", "karafka::producer::SendError"),
    ("producer::builder::StartError", "karafka::producer::StartError"),
    ("producer::close::NotDelivered", "karafka::producer::NotDelivered"),
    ("settings::error::SettingError", "karafka::settings::SettingError"),
    ("settings::error::SettingErrors", "karafka::settings::SettingErrors"),
    ("settings::expand::ExpandError", "karafka::settings::ExpandError"),
    ("settings::options::OptionError", "karafka::settings::OptionError"),
    ("types::json::number::NotANumber", "karafka::types::NotANumber"),
];

/// What one of karafka's own types is called, by its path in the crate: the public path of one that an app meets, the name
/// alone of any other.
fn public_name(path: &'static str) -> &'static str {
    if path.contains('<') {
        return path;
    }
    let known = PUBLIC.iter().find(|(within, _)| *within == path).map(|(_, public)| *public);
    known.or_else(|| path.rsplit("::").next()).unwrap_or(path)
}

/// An error with words before it.
#[derive(Debug)]
struct InContext {
    words: String,
    source: BoxError,
}

impl fmt::Display for InContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl StdError for InContext {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

/// An [`Error`] as others know errors.
struct Boxed(Error);

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.inner.source, f)
    }
}

impl StdError for Boxed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl From<Error> for Box<dyn StdError + Send + Sync> {
    fn from(error: Error) -> Self {
        Box::new(Boxed(error))
    }
}

impl From<Error> for Box<dyn StdError> {
    fn from(error: Error) -> Self {
        Box::new(Boxed(error))
    }
}

impl AsRef<dyn StdError + Send + Sync> for Error {
    fn as_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.inner.source
    }
}

/// What `?` makes an [`Error`] of: every error type.
#[diagnostic::on_unimplemented(
    message = "`?` makes no `karafka::Error` of `{Self}`",
    label = "write `.map_err(Error::from_boxed)?` here: `{Self}` does not implement `std::error::Error`",
    note = "write `.map_err(Error::from_boxed)?`, which takes texts, boxed errors and `anyhow::Error`; or `Error::new(…)` with words"
)]
pub trait IntoError: sealed::Sealed {
    #[doc(hidden)]
    fn into_error(self) -> Error;
}

mod sealed {
    pub trait Sealed {}

    #[diagnostic::do_not_recommend]
    impl<E: std::error::Error + Send + Sync + 'static> Sealed for E {}
}

#[diagnostic::do_not_recommend]
impl<E: StdError + Send + Sync + 'static> IntoError for E {
    fn into_error(self) -> Error {
        Error::of(Box::new(self), type_name_of::<E>())
    }
}

impl<E: IntoError> From<E> for Error {
    fn from(error: E) -> Self {
        error.into_error()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for error in self.errors() {
            let words = error.to_string();
            // Many errors repeat their cause in their own words.
            if text.is_empty() {
                text = words;
            } else if !text.ends_with(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.inner.type_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, whoever sends errors to Sentry, or decides by an error's type, does not find what it was made from; or an
    /// error loses on a way through a box that it was permanent.
    #[test]
    fn an_error_can_be_asked_and_comes_back_from_a_box() {
        let io = || std::io::Error::other("disk full");
        for error in [
            Error::from(io()),
            Error::from_boxed(io()),
            Error::from_boxed(Box::<dyn StdError + Send + Sync>::from(io())),
        ] {
            assert_eq!(error.to_string(), "disk full");
            assert!(error.downcast_ref::<std::io::Error>().is_some() && error.source().is_none());
        }
        let wait = Duration::from_secs(3);
        let error = Error::permanent(io()).retry_after(wait).context("the invoice");
        let back = Error::from_boxed(Box::<dyn StdError + Send + Sync>::from(error));
        assert!(back.is_permanent() && back.asked_wait() == Some(wait) && back.type_name() == "std::io::error::Error");
        assert_eq!(
            (back.to_string(), back.source().map(ToString::to_string)),
            ("the invoice: disk full".to_owned(), Some("disk full".to_owned()))
        );
        // Elsewhere it looks like any other error.
        let boxed: Box<dyn StdError + Send + Sync> = back.into();
        assert_eq!(
            (boxed.to_string(), boxed.source().map(ToString::to_string)),
            ("the invoice".to_owned(), Some("disk full".to_owned()))
        );
    }

    /// If this fails, a dead letter names the type of a text, which says nothing.
    #[test]
    fn texts_have_no_type() {
        let text = "no such account".to_owned();
        for error in
            [Error::new(&text), Error::from_boxed(&*text), Error::from_boxed(text.clone()), Error::permanent("x")]
        {
            assert_eq!(error.type_name(), "karafka::Error");
        }
        let boxed = || Box::<dyn StdError + Send + Sync>::from(text.clone());
        for error in [Error::from_boxed(boxed()), Error::permanent(boxed())] {
            assert_eq!(error.type_name(), "karafka::Error");
        }
        assert_eq!(Error::from("x".parse::<u8>().unwrap_err()).type_name(), "core::num::error::ParseIntError");
    }

    /// If this fails, a dead letter or Sidekiq's page names a file of karafka's source, which its reader cannot find and which
    /// moves from one version to the next.
    #[test]
    fn karafkas_own_types_have_their_public_names() {
        #[derive(Debug)]
        struct Hidden;
        impl fmt::Display for Hidden {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Ok(())
            }
        }
        impl StdError for Hidden {}
        assert_eq!(Error::from(Hidden).type_name(), "Hidden");
        #[cfg(feature = "producer")]
        {
            let error = || crate::producer::SendError::Missing { topic: String::new() };
            for error in [Error::from(error()), Error::from_boxed(error()), Error::permanent(error())] {
                assert_eq!(error.type_name(), "karafka::producer::SendError");
            }
        }
    }

    /// If this fails, two errors go by one name in dead letters and logs, or by one that nobody finds in the documentation.
    #[cfg(feature = "consumer")]
    #[test]
    fn every_public_error_has_its_own_public_name() {
        // By paths that compile, so that none is of a type that has moved away.
        macro_rules! names {
            ($($path:path),+ $(,)?) => { vec![$((type_name_of::<$path>(), stringify!($path))),+] };
        }
        let names = names![
            crate::broker::BrokerError,
            crate::broker::UntrustedBeacon,
            crate::StartError,
            crate::producer::SendError,
            crate::producer::StartError,
            crate::producer::NotDelivered,
            crate::settings::SettingError,
            crate::settings::SettingErrors,
            crate::settings::ExpandError,
            crate::settings::OptionError,
            crate::types::NotANumber,
        ];
        for (name, path) in &names {
            assert_eq!(*name, path.replace("crate::", "karafka::"));
        }
        let told: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        assert_eq!(told, PUBLIC.map(|(_, public)| public));
        let distinct: std::collections::BTreeSet<_> = told.iter().collect();
        assert_eq!(distinct.len(), PUBLIC.len());
    }

    /// If this fails, a public error was added to the crate, and goes by its bare name in dead letters and logs.
    #[test]
    fn no_public_error_is_forgotten() {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut folders, mut found) = (vec![source], std::collections::BTreeSet::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else if entry.extension().is_some_and(|extension| extension == "rs") {
                    found.extend(public_errors(&std::fs::read_to_string(&entry).expect("a text")));
                }
            }
        }
        let known = PUBLIC.iter().filter_map(|(within, _)| within.rsplit("::").next()).map(str::to_owned).collect();
        assert_eq!(found, known);
    }

    /// The public types of a file that are errors: those that derive it, and those for which it is written.
    fn public_errors(text: &str) -> Vec<String> {
        let type_of = |line: &str| {
            let rest = line.strip_prefix("pub enum ").or_else(|| line.strip_prefix("pub struct "))?;
            Some(rest.split(|end: char| !end.is_alphanumeric()).next()?.to_owned())
        };
        let lines: Vec<_> = text.lines().collect();
        let derives = |at: &usize| lines[*at].starts_with("#[derive(") && lines[*at].contains("thiserror::Error");
        let derived = (0..lines.len()).filter(derives).filter_map(|at| {
            // What stands between is attributes and comments.
            let item = lines[at..].iter().find(|line| line.contains("enum ") || line.contains("struct "));
            item.and_then(|line| type_of(line))
        });
        let is_public = |name: &&str| lines.iter().any(|line| type_of(line).is_some_and(|known| known == **name));
        let written = lines.iter().filter(|line| line.starts_with("impl"));
        let written = written.filter_map(|line| line.split_once("Error for ")?.1.split(' ').next());
        // Others' traits are called so, too, as serde's.
        let standard = |name: &&str| {
            ["std::error::Error for ", "StdError for "].iter().any(|of| text.contains(&format!("impl {of}{name}")))
        };
        derived.chain(written.filter(is_public).filter(standard).map(str::to_owned)).collect()
    }
}
