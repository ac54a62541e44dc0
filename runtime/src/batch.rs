//! Several messages at once: what `batch: { size, wait }` hands to a controller.

use std::{future::Future, sync::OnceLock};

use crate::{
    Admission, Context, Error, Message, Record, Result, Routed,
    guard::{FailureKind, guarded},
    sync::Mutex,
    unperformed::Unperformed,
};

/// Handles the messages of its topics several at a time; what a controller with `batch:` in karafka.yml implements
/// instead of [`crate::Controller`].
///
/// ```
/// # use karafka::{Batch, BatchController, Context, Result, Routed};
/// # pub struct Table;
/// # impl Table { async fn insert(&self, _rows: Vec<&String>) -> Result { Ok(()) } }
/// # #[derive(Default)] pub struct AuditController;
/// # impl Routed for AuditController { type State = Table; type Message = String; const NAME: &'static str = "AuditController"; }
/// impl BatchController for AuditController {
///     async fn perform_batch(&self, batch: &Batch<String>, ctx: &Context<Self>) -> Result {
///         let rows = batch.iter().map(|message| &message.payload).collect();
///         ctx.state().insert(rows).await
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has `batch:` in karafka.yml, and no `perform_batch`",
    label = "this controller gets batches",
    note = "write `impl BatchController for …` with `perform_batch` in place of `impl Controller for …`, or take `batch` \
            out of its topics in karafka.yml and run `karafka generate`"
)]
pub trait BatchController: Routed {
    /// Handles up to `size` messages of one partition, or those that came within `wait` of the first.
    ///
    /// `Ok` means that every message is done that was not reported with [`Batch::fail`]. An error, a panic or a
    /// time-out means that every message has failed that was not reported with [`Batch::done`]. What is done is not done
    /// again; what failed is tried again, each message with its own count of attempts, before newer ones that have to
    /// wait for it.
    ///
    /// What the batch sends with [`Context::emit`] belongs to all of it: none of its messages counts as done before
    /// Kafka has acknowledged everything.
    ///
    /// # Errors
    ///
    /// Whatever kept the messages from being handled that were not reported one by one.
    fn perform_batch(&self, batch: &Batch<Self::Message>, ctx: &Context<Self>) -> impl Future<Output = Result> + Send;

    /// Decides of each message, before the batch is performed, whether it is wanted. Accepts by default.
    ///
    /// # Errors
    ///
    /// A failure of that message; the others go on without it.
    fn before_enqueue(
        &self,
        _message: &Message<Self::Message>,
        _ctx: &Context<Self>,
    ) -> impl Future<Output = Result<Admission>> + Send {
        async { Ok(Admission::Accept) }
    }
}

/// Messages of one partition, in the order of their offsets, and what has become of each.
///
/// It can be iterated over, and reported on while it is:
///
/// ```
/// # use karafka::{Batch, Context, Error, Result, Routed};
/// # async fn charge(_: &String) -> Result { Ok(()) }
/// # async fn perform_batch(batch: &Batch<String>) -> Result {
/// for message in batch {
///     match charge(&message.payload).await {
///         Ok(()) => batch.done(message),
///         Err(error) => batch.fail(message, error),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Batch<T> {
    messages: Vec<Message<T>>,
    attempts: Vec<u32>,
    /// Places of the messages that are to be performed, once that is known; all of them before.
    admitted: OnceLock<Vec<usize>>,
    reports: Mutex<Vec<RecordResult>>,
}

/// What is known of one message of a batch.
#[derive(Debug, Default)]
pub(crate) enum RecordResult {
    /// Nothing was said of it.
    #[default]
    Open,
    Done,
    Not(Unperformed),
    /// One before it, for which it has to wait, was not admitted.
    Left,
}

impl<T> Batch<T> {
    /// A batch as the engine would hand it over, each message at its first attempt; for tests of a controller on its own.
    #[must_use]
    pub fn new(messages: Vec<Message<T>>) -> Self {
        let attempts = vec![1; messages.len()];
        Self::of(messages, attempts)
    }

    /// The messages to handle, in the order of their offsets.
    pub fn iter(&self) -> Messages<'_, T> {
        Messages { batch: self, next: 0 }
    }

    /// How many messages there are to handle.
    #[must_use]
    pub fn len(&self) -> usize {
        self.admitted.get().map_or(self.messages.len(), Vec::len)
    }

    /// Whether there are none; a controller never sees such a batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which attempt at this message it is, from 1. Messages that failed before stand beside new ones.
    #[must_use]
    pub fn attempt(&self, message: &Record) -> u32 {
        self.place(message).map_or(1, |place| self.attempts[place])
    }

    /// Reports that this message is handled, whatever becomes of the others.
    pub fn done(&self, message: &Record) {
        self.report(message, RecordResult::Done);
    }

    /// Reports why this message could not be handled, as [`Error::from_boxed`] takes it; it is tried again, or goes to the dead
    /// letter topic.
    pub fn fail(&self, message: &Record, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        self.report(message, RecordResult::Not(Unperformed::Failed(FailureKind::Error, Error::from_boxed(error))));
    }

    fn report(&self, message: &Record, report: RecordResult) {
        if let Some(place) = self.place(message) {
            self.set(place, report);
        }
    }

    /// A message is known by its offset: a batch is of one partition.
    fn place(&self, record: &Record) -> Option<usize> {
        self.messages.binary_search_by_key(&record.offset(), |message| message.offset()).ok()
    }
}

impl<T> Batch<T> {
    pub(crate) fn of(messages: Vec<Message<T>>, attempts: Vec<u32>) -> Self {
        let reports = std::iter::repeat_with(RecordResult::default).take(messages.len()).collect();
        Self { messages, attempts, admitted: OnceLock::new(), reports: Mutex::new(reports) }
    }

    /// Every message, whether it is to be performed or not.
    pub(crate) fn messages(&self) -> &[Message<T>] {
        &self.messages
    }

    pub(crate) fn set(&self, place: usize, report: RecordResult) {
        if let Some(known) = self.reports.lock().get_mut(place) {
            *known = report;
        }
    }

    fn is_open(&self, place: usize) -> bool {
        let reports = self.reports.lock();
        matches!(reports.get(place), Some(RecordResult::Open))
    }

    /// From here on it holds only the messages of which nothing is known.
    pub(crate) fn close_admission(&self) {
        let reports = self.reports.lock();
        let open = reports.iter().enumerate().filter(|(_, report)| matches!(report, RecordResult::Open));
        let _ = self.admitted.set(open.map(|(place, _)| place).collect());
    }

    pub(crate) fn into_parts(self) -> (Vec<Message<T>>, Vec<RecordResult>) {
        (self.messages, self.reports.into_inner())
    }
}

/// Asks about each message before the batch is performed. `line` says which messages wait for one another: behind one
/// that is not admitted, and not skipped either, the others of its line are left for later.
pub(crate) async fn admit<C: BatchController>(
    controller: &C,
    batch: &Batch<C::Message>,
    ctx: &Context<C>,
    line: impl Fn(usize) -> Option<u64>,
) {
    let mut held = Vec::new();
    for (place, message) in batch.messages().iter().enumerate() {
        let of = line(place);
        if of.is_some_and(|line| held.contains(&line)) {
            batch.set(place, RecordResult::Left);
            continue;
        }
        if !batch.is_open(place) {
            held.extend(of);
            continue;
        }
        let report = match guarded(controller.before_enqueue(message, ctx), None).await {
            Ok(Admission::Accept) => continue,
            Ok(Admission::Skip(reason)) => {
                batch.set(place, RecordResult::Not(Unperformed::Skipped(reason)));
                continue;
            }
            Ok(Admission::Defer(wait)) => Unperformed::Deferred(wait),
            Err((kind, error)) => Unperformed::Failed(kind, error),
        };
        batch.set(place, RecordResult::Not(report));
        held.extend(of);
    }
    batch.close_admission();
}

/// The messages of a [`Batch`].
#[derive(Debug)]
pub struct Messages<'a, T> {
    batch: &'a Batch<T>,
    next: usize,
}

impl<'a, T> Iterator for Messages<'a, T> {
    type Item = &'a Message<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let place = match self.batch.admitted.get() {
            Some(admitted) => *admitted.get(self.next)?,
            None => self.next,
        };
        self.next += 1;
        self.batch.messages.get(place)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batch.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl<T> ExactSizeIterator for Messages<'_, T> {}

impl<'a, T> IntoIterator for &'a Batch<T> {
    type Item = &'a Message<T>;
    type IntoIter = Messages<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
