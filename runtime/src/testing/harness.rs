//! One record, one attempt: hand it to its consumer and see what came of it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::de::DeserializeOwned;

use super::{TopicKey, emitted};
pub use crate::engine::attempt_once::Verdict;
use crate::{
    App, Message, OwnedRecord, Topic,
    context::{AppShared, EmitScope},
    engine::consumer::Consumer,
    manifest::{ConsumerEntry, Manifest},
    settings::{Flags, Settings, Tombstones},
};

/// An app whose consumers are called one record at a time; what they emit is kept instead of sent.
///
/// ```
/// # async fn test(app: karafka::App<()>) {
/// use karafka::testing::Harness;
///
/// let harness = Harness::new(app, ());
/// let outcome = harness.consume("orders", r#"{"id":"…","total":"12.50"}"#).await;
/// assert!(outcome.is_done(), "{outcome}");
/// assert_eq!(outcome.emitted("order_confirmed").len(), 1);
/// # }
/// ```
pub struct Harness<S> {
    manifest: &'static Manifest,
    consumers: Vec<(&'static ConsumerEntry, Tombstones, Arc<dyn Consumer<S>>)>,
    app: Arc<AppShared<S>>,
}

impl<S: Send + Sync + 'static> Harness<S> {
    /// A harness for `app` with this state. Settings come from the manifest alone, never from the environment.
    #[must_use]
    pub fn new(app: App<S>, state: S) -> Self {
        let flags = Flags { default_environment: Some(crate::settings::DEVELOPMENT), ..Flags::default() };
        let App { manifest, routes, layers, .. } = app;
        let (settings, _) = Settings::examine(manifest, &BTreeMap::new(), &flags);
        let consumers = routes.into_iter().map(|route| {
            let tombstones = settings.consumer(route.entry).map(|consumer| consumer.tombstones).unwrap_or_default();
            (route.entry, tombstones, (route.build)(&state))
        });
        let consumers = consumers.collect();
        let names = manifest.topics.iter().map(|topic| (topic.key, topic.key.to_owned())).collect();
        Self { manifest, consumers, app: Arc::new(AppShared::new(state, names, layers)) }
    }

    /// The app's state.
    #[must_use]
    pub fn state(&self) -> &S {
        &self.app.state
    }

    /// Takes what is at work back: [`Context::revoked`](crate::Context::revoked) is ready in every attempt that has begun,
    /// and in none that begins after this.
    ///
    /// ```
    /// # async fn test(app: karafka::App<()>) {
    /// use karafka::testing::Harness;
    ///
    /// let harness = Harness::new(app, ());
    /// let (outcome, ()) = tokio::join!(harness.consume("orders", "1"), async { harness.revoke() });
    /// assert!(!outcome.is_done(), "it stopped at its work: {outcome}");
    /// # }
    /// ```
    pub fn revoke(&self) {
        self.app.loose.take_back();
    }

    /// Hands a record with this value to the consumer of `topic`, a key of the manifest, and attempts it once.
    ///
    /// # Panics
    ///
    /// When nobody consumes `topic`, or when several groups do: say which with [`Harness::consume_in`].
    pub async fn consume(&self, topic: impl TopicKey, value: impl AsRef<[u8]>) -> Outcome {
        let topic = topic.key();
        let value = Some(value.as_ref().to_vec());
        self.consume_record(topic, OwnedRecord { topic: topic.into(), value, ..OwnedRecord::default() }).await
    }

    /// As [`Harness::consume`], with key, headers and the rest.
    ///
    /// # Panics
    ///
    /// As [`Harness::consume`].
    pub async fn consume_record(&self, topic: impl TopicKey, record: OwnedRecord) -> Outcome {
        let topic = topic.key();
        let mut groups =
            self.consumers.iter().filter(|(entry, ..)| entry.topic == topic).map(|(entry, ..)| entry.group);
        let group = groups.next();
        assert!(groups.next().is_none(), "several groups consume `{topic}`: name one with `consume_in`");
        self.consume_in(group.unwrap_or_default(), topic, record).await
    }

    /// Hands a record to the consumer of `topic` in `group`, as the manifest writes it.
    ///
    /// # Panics
    ///
    /// When that group does not consume `topic`.
    pub async fn consume_in(&self, group: &str, topic: impl TopicKey, record: OwnedRecord) -> Outcome {
        let topic = topic.key();
        let consumer = self.consumers.iter().find(|(entry, ..)| entry.topic == topic && entry.group == group);
        let Some((_, tombstones, consumer)) = consumer else {
            let keys: Vec<_> = self.manifest.consumers.iter().map(|entry| entry.topic).collect();
            panic!("nobody consumes `{topic}`; karafka.yml has consumers for {}", keys.join(", "));
        };
        let (verdict, scope) = consumer.once(Arc::clone(&self.app), record.into(), *tombstones).await;
        Outcome::new(verdict, scope)
    }

    /// Hands records with these values to the consumer of `topic` as one batch, and attempts it once.
    ///
    /// # Panics
    ///
    /// When nobody consumes `topic` in batches, or when several groups do: say which with
    /// [`Harness::consume_batch_in`].
    pub async fn consume_batch<V>(&self, topic: impl TopicKey, values: impl IntoIterator<Item = V>) -> BatchOutcome
    where
        V: AsRef<[u8]>,
    {
        let topic = topic.key();
        let of_topic = self.consumers.iter().filter(|(entry, ..)| entry.topic == topic);
        let mut groups = of_topic.filter(|(entry, ..)| takes_batches(entry)).map(|(entry, ..)| entry.group);
        let group = groups.next();
        assert!(groups.next().is_none(), "several groups consume `{topic}`: name one with `consume_batch_in`");
        let record = |value: V| {
            let value = Some(value.as_ref().to_vec());
            OwnedRecord { topic: topic.into(), value, ..OwnedRecord::default() }
        };
        self.consume_batch_in(group.unwrap_or_default(), topic, values.into_iter().map(record).collect()).await
    }

    /// Hands records as one batch to the consumer of `topic` in `group`, as the manifest writes it. Their offsets become
    /// their places.
    ///
    /// # Panics
    ///
    /// When that group does not consume `topic` in batches.
    pub async fn consume_batch_in(&self, group: &str, topic: impl TopicKey, records: Vec<OwnedRecord>) -> BatchOutcome {
        let topic = topic.key();
        let consumer = self.consumers.iter().find(|(entry, ..)| entry.topic == topic && entry.group == group);
        let records = (0..).zip(records).map(|(offset, record)| OwnedRecord { offset, ..record }.into()).collect();
        let batch = consumer
            .and_then(|(_, tombstones, consumer)| consumer.batch_once(Arc::clone(&self.app), records, *tombstones));
        let Some(batch) = batch else {
            let entries = self.manifest.consumers.iter().filter(|entry| takes_batches(entry));
            let keys: Vec<_> = entries.map(|entry| entry.topic).collect();
            panic!("nobody consumes `{topic}` in batches; karafka.yml has `batch` for {}", keys.join(", "));
        };
        let (verdicts, scope) = batch.await;
        BatchOutcome { verdicts, emitted: captured(scope) }
    }
}

/// What came of a record.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub verdict: Verdict,
    emitted: Vec<(&'static str, OwnedRecord)>,
}

impl Outcome {
    fn new(verdict: Verdict, scope: EmitScope) -> Self {
        Self { verdict, emitted: captured(scope) }
    }

    /// Whether the record was performed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.verdict, Verdict::Done)
    }

    /// What was sent to `topic`, a key of the manifest, in order.
    #[must_use]
    pub fn emitted(&self, topic: impl TopicKey) -> Vec<&OwnedRecord> {
        let topic = topic.key();
        self.emitted.iter().filter(|(key, _)| *key == topic).map(|(_, record)| record).collect()
    }

    /// What was sent to a topic, in order, read back into the topic's type, with key and headers.
    ///
    /// # Panics
    ///
    /// When what was sent is a tombstone, which is no message: see [`Outcome::emitted`].
    #[must_use]
    #[track_caller]
    pub fn emitted_messages<T: Topic>(&self, topic: T) -> Vec<Message<T::Message>>
    where
        T::Message: DeserializeOwned,
    {
        let records = self.emitted(topic).into_iter();
        records.map(|record| emitted::message::<T>(record.clone().into())).collect()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verdict.fmt(f)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Skipped(reason) => write!(f, "skipped: {reason}"),
            Self::Deferred(wait) => write!(f, "deferred for {wait:?}"),
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::Panicked(words) => write!(f, "panicked: {words}"),
            Self::Unparseable(error) => write!(f, "cannot be parsed: {error}"),
        }
    }
}

/// What came of a batch.
#[derive(Debug)]
pub struct BatchOutcome {
    /// How each of its records ended, in their order.
    pub verdicts: Vec<Verdict>,
    emitted: Vec<(&'static str, OwnedRecord)>,
}

impl BatchOutcome {
    /// Whether every record was performed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Done))
    }

    /// What was sent to `topic`, a key of the manifest, in order.
    #[must_use]
    pub fn emitted(&self, topic: impl TopicKey) -> Vec<&OwnedRecord> {
        let topic = topic.key();
        self.emitted.iter().filter(|(key, _)| *key == topic).map(|(_, record)| record).collect()
    }

    /// What was sent to a topic, in order, read back into the topic's type, with key and headers.
    ///
    /// # Panics
    ///
    /// When what was sent is a tombstone, which is no message: see [`BatchOutcome::emitted`].
    #[must_use]
    #[track_caller]
    pub fn emitted_messages<T: Topic>(&self, topic: T) -> Vec<Message<T::Message>>
    where
        T::Message: DeserializeOwned,
    {
        let records = self.emitted(topic).into_iter();
        records.map(|record| emitted::message::<T>(record.clone().into())).collect()
    }
}

impl fmt::Display for BatchOutcome {
    /// A line for each record that was not performed, or `done`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.verdicts.iter().enumerate().filter(|(_, verdict)| !matches!(verdict, Verdict::Done));
        let lines: Vec<_> = others.map(|(place, verdict)| format!("{place}: {verdict}")).collect();
        if lines.is_empty() { f.write_str("done") } else { f.write_str(&lines.join("\n")) }
    }
}

fn captured(scope: EmitScope) -> Vec<(&'static str, OwnedRecord)> {
    match scope {
        EmitScope::Captured { captured, .. } => captured.into_inner(),
        EmitScope::Lane { .. } => Vec::new(),
        #[cfg(feature = "jobs")]
        EmitScope::Job { .. } => Vec::new(),
    }
}

fn takes_batches(entry: &ConsumerEntry) -> bool {
    entry.settings.iter().any(|(key, _)| key.starts_with("batch."))
}
