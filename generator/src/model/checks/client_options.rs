//! Properties of librdkafka in the clients that they make: what a group's protocol does not have, and what does not fit
//! together.

use std::collections::BTreeSet;

use karafka::settings::{
    Protocol,
    conflicts::{ClientUse, Conflict, ConflictKind, Written, conflicts, overlay},
    one_spelling,
};

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{Group, Kafka, Manifest, Text, is_optional, literal},
    model::report::Report,
    source::Span,
};

/// Where a property stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    span: Span,
    /// Whether several clients have it from there.
    is_shared: bool,
}

/// What a group is for its client.
struct Client<'m> {
    key: &'m str,
    group: Option<&'m Group>,
    protocol: Protocol,
}

impl Client<'_> {
    fn kafka(&self) -> &[(Text, Text)] {
        self.group.map(|group| group.kafka.as_slice()).unwrap_or_default()
    }
}

/// Reports what the clients of the groups with consumers, and the producer, would refuse, in every environment.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let manifest = facts.manifest;
    let names = facts.groups.iter().map(|group| group.name.as_str());
    let clients: Vec<Client<'_>> = names
        .filter_map(|name| {
            let group = manifest.groups.iter().find(|group| group.name.value == name);
            // Whether what stands in it is right hangs on a protocol that was refused.
            if group.is_some_and(|group| group.refused.contains(&"protocol")) {
                return None;
            }
            let is_new = group.and_then(|group| group.setting("protocol")).is_some_and(|text| text.value == "consumer");
            Some(Client { key: name, group, protocol: if is_new { Protocol::Consumer } else { Protocol::Classic } })
        })
        .collect();
    assignors(manifest, &clients, report);
    let classic = clients.iter().filter(|client| client.protocol == Protocol::Classic);
    let classic: Vec<&str> = classic.map(|client| client.key).filter(|key| !key.contains("${")).collect();
    // What is missing, or is as it is by default, may be what was refused.
    let is_known = |conflict: &Conflict<Place>| match conflict.kind {
        ConflictKind::LeftToBroker(_) => true,
        _ => !manifest.has_refused_options || conflict.other.is_some(),
    };
    let mut reported = BTreeSet::new();
    let environments = manifest.environments.iter().map(|environment| Some(&environment.kafka));
    for environment in std::iter::once(None).chain(environments) {
        let sections = |section: fn(&Kafka) -> &Vec<(Text, Text)>| {
            [Some(&manifest.kafka), environment]
                .into_iter()
                .flatten()
                .flat_map(move |kafka| written(section(kafka), true))
        };
        // Groups without properties of their own have the same client but for the protocol.
        let mut seen = Vec::new();
        for client in &clients {
            if client.kafka().is_empty() {
                if seen.contains(&client.protocol) {
                    continue;
                }
                seen.push(client.protocol);
            }
            let all = sections(|kafka| &kafka.options).chain(sections(|kafka| &kafka.consumer));
            let properties = overlay(all.chain(written(client.kafka(), false)));
            for conflict in conflicts(ClientUse::Group(client.protocol), &properties).into_iter().filter(is_known) {
                let protocol = client.group.and_then(|group| group.setting("protocol"));
                show(&conflict, protocol, &classic, &mut reported, report);
            }
        }
        let producer = overlay(sections(|kafka| &kafka.options).chain(sections(|kafka| &kafka.producer)));
        for conflict in conflicts(ClientUse::Producer, &producer).into_iter().filter(is_known) {
            show(&conflict, None, &classic, &mut reported, report);
        }
    }
}

/// Reports a conflict, once for its places.
fn show(
    conflict: &Conflict<Place>,
    protocol: Option<&Text>,
    classic: &[&str],
    reported: &mut BTreeSet<(Span, Option<Span>)>,
    report: &mut Report<'_>,
) {
    let place = conflict.property.place;
    let other = conflict.other.as_ref().map(|other| other.place.span);
    if !reported.insert((place.span, other)) {
        return;
    }
    let (code, related) = match conflict.kind {
        ConflictKind::LeftToBroker(_) => (codes::PROTOCOL_CONFLICT, protocol.map(|text| (text.span, "the protocol"))),
        _ => (codes::CONFLICTING_OPTIONS, other.map(|span| (span, "the other one"))),
    };
    let mut diagnostic = Diagnostic::error(code, place.span, conflict.words());
    if let Some((span, label)) = related {
        diagnostic = diagnostic.related(span, label);
    }
    report.add(diagnostic.help(conflict.help(place.is_shared, classic)));
}

/// How partitions are shared out is the client's to say under one protocol, and the broker's under the other.
fn assignors(manifest: &Manifest, clients: &[Client<'_>], report: &mut Report<'_>) {
    const REMOTE: &str = "group.remote.assignor";
    let is_remote = |(name, _): &&(Text, Text)| one_spelling(&name.value) == REMOTE;
    for Client { group, protocol, .. } in clients {
        let Some(group) = group else { continue };
        match (protocol, group.setting("assignor"), group.kafka.iter().find(is_remote)) {
            (Protocol::Consumer, Some(assignor), _) => {
                let words = "with `protocol: consumer`, the broker shares out partitions, and `assignor` says nothing";
                let mut diagnostic = Diagnostic::error(codes::PROTOCOL_CONFLICT, assignor.span, words);
                if let Some(protocol) = group.setting("protocol") {
                    diagnostic = diagnostic.related(protocol.span, "the protocol");
                }
                let help = "take it out, or choose one of the broker's: `kafka: { group.remote.assignor: uniform }`";
                report.add(diagnostic.help(help));
            }
            (Protocol::Classic, _, Some((name, _))) => remote_assignor(name, report),
            _ => {}
        }
    }
    let is_each_known = manifest.groups.iter().all(|group| !group.refused.contains(&"protocol"));
    if is_each_known && clients.iter().all(|client| client.protocol == Protocol::Classic) && !clients.is_empty() {
        let kafkas = manifest.environments.iter().map(|environment| &environment.kafka).chain([&manifest.kafka]);
        let options = kafkas.flat_map(|kafka| kafka.options.iter().chain(&kafka.consumer));
        options.filter(is_remote).for_each(|(name, _)| remote_assignor(name, report));
    }
}

fn remote_assignor(name: &Text, report: &mut Report<'_>) {
    let words = format!("`{}` is for groups with `protocol: consumer`, and here is none", name.value);
    let help = "write `protocol: consumer` in the group, or `assignor` instead of this";
    report.add(Diagnostic::error(codes::PROTOCOL_CONFLICT, name.span, words).help(help));
}

fn written(options: &[(Text, Text)], is_shared: bool) -> impl Iterator<Item = Written<Place>> {
    options.iter().map(move |(name, text)| Written {
        name: name.value.clone(),
        value: literal(&text.value),
        is_certain: !is_optional(&text.value),
        place: Place { span: name.span, is_shared },
    })
}
