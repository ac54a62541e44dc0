//! What the settings say of Kafka's clients: the properties of each, and what does not fit together in them.

use std::collections::BTreeMap;

use super::{
    Group, OPTIONS, OptionError, Ordering, Origin, Protocol, SettingError, Settings, Value, authorities, check_option,
    compiled_in,
    conflicts::{ClientUse, Written, conflicts, overlay},
    one_spelling, sizes,
    written_options::OF_GROUP,
};

/// Which clients of Kafka a process makes. What is said of others is nothing to it, nor is what is wrong with that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clients {
    /// One for each group, and the producer: `server`.
    All,
    /// The producer: `worker`, where jobs that it performs emit.
    Producer,
    /// None: `worker`, where no job that it performs emits. Nobody has to say then where Kafka is.
    None,
}

impl Clients {
    /// Whether a setting is about these clients, or about something else than clients.
    fn read(self, key: &str) -> bool {
        let [_, of_consumers, _] = OPTIONS;
        match self {
            Self::All => true,
            Self::Producer => !key.starts_with("groups.") && !key.starts_with(of_consumers),
            Self::None => !key.starts_with("groups.") && !key.starts_with("kafka."),
        }
    }
}

impl SettingError {
    /// Whether a process that makes these clients cannot start for it. A flag is always to be right: somebody has just
    /// given it.
    #[must_use]
    pub fn concerns(&self, clients: Clients) -> bool {
        match self {
            Self::NoBrokers { .. } | Self::Conflict { group: None, .. } => clients != Clients::None,
            Self::Conflict { group: Some(_), .. } | Self::SameName { what: "groups", .. } => clients == Clients::All,
            Self::Expand { key, origin, .. }
            | Self::Wrong { key, origin, .. }
            | Self::Refused { key, origin, .. }
            | Self::Option { key, origin, .. } => clients.read(key) || matches!(origin, Origin::Flag(_)),
            Self::File { key, .. } => clients.read(key),
            Self::NoRedis { .. }
            | Self::JobsNotCompiledIn { .. }
            | Self::UnknownKey { .. }
            | Self::SameName { .. }
            | Self::OwnDeadLetter { .. }
            | Self::UnknownName { .. }
            | Self::NothingSelected => true,
        }
    }
}

impl Settings {
    /// As a process needs them that makes these clients and no others: without what is said of the others.
    #[must_use]
    pub fn for_clients(mut self, clients: Clients) -> Self {
        for values in [&mut self.values, &mut self.unread] {
            values.retain(|value| clients.read(&value.key));
        }
        self.left_out.retain(|left_out| clients.read(&left_out.key));
        if clients != Clients::All {
            self.groups.iter_mut().for_each(|group| group.selected = false);
            self.consumer_options.clear();
        }
        if clients == Clients::None {
            self.brokers = None;
            self.options.clear();
            self.producer_options.clear();
        }
        self
    }

    /// Asks librdkafka about every option, before any client is made, and looks at what each client has of them together.
    ///
    /// # Errors
    ///
    /// What librdkafka does not know, cannot do as it was compiled, or does not take; else what does not fit together.
    pub fn check_options(&self) -> Result<(), Vec<SettingError>> {
        let mut errors = Vec::new();
        for value in &self.values {
            let Some(name) = self.property_of(&value.key) else { continue };
            if let Err(error) = check_option(name, &value.text) {
                errors.push(SettingError::Option { key: value.key.clone(), origin: value.origin.clone(), error });
            }
        }
        if errors.is_empty() {
            errors = self.conflicts();
            errors.extend(self.mechanism_by_default());
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Sizes that do not go together and start all the same; what cannot start, [`Settings::check_options`] refuses.
    #[must_use]
    pub fn clashes(&self) -> Vec<sizes::SizeConflict> {
        let groups = self.groups.iter().filter(|group| group.selected);
        let groups: Vec<_> = groups
            .map(|group| sizes::GroupSize {
                name: &group.name,
                options: &group.options,
                memory: group.memory,
                // The client asks the brokers, and says what comes of it.
                partitions: None,
                at_work: self.at_work(group),
            })
            .collect();
        let Self { options, consumer_options, producer_options, .. } = self;
        sizes::clashes(&sizes::Written {
            options,
            consumer: consumer_options,
            producer: producer_options,
            groups: &groups,
        })
    }

    /// What a group may have at work at once.
    #[must_use]
    pub fn at_work(&self, group: &Group) -> sizes::AtWork {
        let consumers = self.consumers.iter().filter(|consumer| consumer.selected && consumer.group == group.name);
        let batches = consumers.map(|consumer| consumer.batch.map_or(1, |batch| batch.size as u64));
        sizes::AtWork {
            concurrency: group.concurrency as u64,
            is_by_partition: group.ordering == Ordering::Partition,
            records: batches.max().unwrap_or(1),
        }
    }

    /// How large a record that is consumed may be, as far as somebody has said it.
    #[must_use]
    pub fn largest_record(&self, group: &Group) -> u64 {
        let message = |options: &BTreeMap<String, String>| options.get("message.max.bytes")?.trim().parse().ok();
        [&*group.options, &self.consumer_options, &self.options].into_iter().find_map(message).unwrap_or(sizes::LARGEST)
    }

    /// The properties of a group's client: its own over `kafka.consumer` over `kafka.options`.
    ///
    /// Without `message.max.bytes` under `kafka.options`, which is the bound of what is sent. A consumer would fetch as much
    /// at once, whatever `memory` says, and refuse a smaller `fetch.max.bytes`; a larger record comes all the same.
    #[must_use]
    pub fn consumer_properties(&self, group: &Group) -> BTreeMap<String, String> {
        let mut properties = self.options.clone();
        properties.remove("message.max.bytes");
        properties.extend(
            self.consumer_options.iter().chain(&*group.options).map(|(name, text)| (name.clone(), text.clone())),
        );
        authorities::trust(&mut properties);
        properties
    }

    /// The properties of the app's producer: `kafka.producer` over `kafka.options`.
    #[must_use]
    pub fn producer_properties(&self) -> BTreeMap<String, String> {
        let mut properties = self.options.clone();
        properties.extend(self.producer_options.iter().map(|(name, text)| (name.clone(), text.clone())));
        authorities::trust(&mut properties);
        properties
    }

    /// SASL is asked for, nothing says by which mechanism, and librdkafka's own is not compiled in.
    fn mechanism_by_default(&self) -> Option<SettingError> {
        let says = |name: &str| {
            let is_it =
                |value: &&Value| self.property_of(&value.key).is_some_and(|property| one_spelling(property) == name);
            self.values.iter().chain(&self.unread).find(is_it)
        };
        let protocol = says("security.protocol")?;
        let is_sasl = protocol.text.trim().to_ascii_lowercase().starts_with("sasl_");
        if !is_sasl || says("sasl.mechanism").is_some() || compiled_in().iter().any(|part| part == "sasl_gssapi") {
            return None;
        }
        let error = OptionError::NotCompiledIn { name: "sasl.mechanism: GSSAPI".to_owned(), feature: "gssapi" };
        Some(SettingError::Option { key: protocol.key.clone(), origin: protocol.origin.clone(), error })
    }

    /// The property of librdkafka that a key is about.
    pub(super) fn property_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        let of_group = |group: &Group| key.strip_prefix(&group_prefix(&group.name));
        OPTIONS
            .iter()
            .find_map(|prefix| key.strip_prefix(prefix))
            // The longest name of a group leaves the shortest property.
            .or_else(|| self.groups.iter().filter_map(of_group).min_by_key(|name| name.len()))
    }

    /// What does not fit together in the clients that the flags leave in.
    fn conflicts(&self) -> Vec<SettingError> {
        let classic = self.groups.iter().filter(|group| group.protocol == Protocol::Classic);
        let classic: Vec<&str> = classic.map(|group| group.name.as_str()).filter(|name| !name.contains("${")).collect();
        let written = |prefixes: [&str; 3]| {
            let under = |prefix: &str| {
                let prefix = prefix.to_owned();
                let known = self.values.iter().map(|value| (value, Some(&value.text)));
                known.chain(self.unread.iter().map(|value| (value, None))).filter_map(move |(value, text)| {
                    let name = value.key.strip_prefix(&prefix)?.to_owned();
                    Some(Written { name, value: text.cloned(), is_certain: true, place: value })
                })
            };
            overlay(prefixes.into_iter().flat_map(under).collect::<Vec<_>>())
        };
        let groups = self.groups.iter().filter(|group| group.selected);
        let clients = groups.map(|group| {
            let own = group_prefix(&group.name);
            (Some(group), ClientUse::Group(group.protocol), written([OPTIONS[0], OPTIONS[1], &own]))
        });
        let producer = (None, ClientUse::Producer, written([OPTIONS[0], OPTIONS[2], OPTIONS[2]]));
        let mut errors: Vec<SettingError> = Vec::new();
        for (group, of, client) in clients.chain([producer]) {
            for conflict in conflicts(of, &client) {
                let is_shared =
                    group.is_none_or(|group| !conflict.property.place.key.starts_with(&group_prefix(&group.name)));
                let error = SettingError::conflict(&conflict, group, conflict.help(is_shared, &classic));
                // What several groups share is said once.
                if !errors.iter().any(|known| known.is_same_conflict(&error)) {
                    errors.push(error);
                }
            }
        }
        errors
    }

    /// As an embedded broker needs it: that one has neither TLS nor passwords, so `security.protocol`, `ssl.*` and
    /// `sasl.*` are left out.
    #[must_use]
    pub fn for_embedded_broker(mut self) -> Self {
        let is_security =
            |name: &str| name == "security.protocol" || name.starts_with("ssl.") || name.starts_with("sasl.");
        let is_left_out = |value: &Value| self.property_of(&value.key).is_some_and(is_security);
        let kept = |values: &[Value]| values.iter().filter(|value| !is_left_out(value)).cloned().collect();
        (self.values, self.unread) = (kept(&self.values), kept(&self.unread));
        let of_groups = self.groups.iter_mut().map(|group| &mut group.options.0);
        let of_all = [&mut self.options, &mut self.consumer_options, &mut self.producer_options];
        for options in of_groups.chain(of_all) {
            options.retain(|name, _| !is_security(name));
        }
        self
    }
}

/// Where the properties of a group's client stand.
fn group_prefix(group: &str) -> String {
    format!("groups.{group}.{OF_GROUP}")
}
