//! How long a rebalance waits for what runs, beside what that has to fit.

use std::{collections::BTreeSet, time::Duration};

use karafka::settings::{
    DRAIN,
    drain::{
        DrainConflict, REBALANCE_TIMEOUT, REBALANCE_TIMEOUT_PROPERTY, drain_in_rebalance, drain_in_stop,
        drain_of_attempt,
    },
    parse,
};

use super::{Facts, waits::STOP};
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{Consumer, Group, Manifest, Text},
    model::{jobs, report::Report},
};

/// Warns of drains that do not fit. What `${…}` holds is only known at the start, where the same is looked at.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let Facts { app, manifest, .. } = *facts;
    for group in &manifest.groups {
        let rebalance = shortest_rebalance(manifest, Some(group));
        let timeout = rebalance.map_or(REBALANCE_TIMEOUT, |(timeout, _)| timeout);
        let Some(text) = group.setting("drain") else { continue };
        let Ok(drain) = parse::drain(&text.value) else { continue };
        if let Some(misfit) = drain_in_rebalance(drain, timeout) {
            let written = rebalance.map(|(_, text)| (text, "how long the group waits"));
            warn(codes::UNFIT_DRAIN, text, misfit, written, report);
        }
        if let Some(misfit) = drain_in_stop(drain, STOP) {
            warn(codes::LONGER_THAN_A_STOP, text, misfit, None, report);
        }
        if let Some((timeout, written)) = longest_attempt(app, manifest, &group.name.value)
            && let Some(misfit) = drain_of_attempt(drain, timeout)
        {
            warn(codes::UNFIT_DRAIN, text, misfit, Some((written, "how long an attempt may take")), report);
        }
    }
    // What nobody has chosen is only worth a word where it cannot work.
    let mut said = BTreeSet::new();
    for consumer in consumers(manifest) {
        let name = group_of(app, manifest, consumer);
        let group = manifest.groups.iter().find(|known| known.name.value == name);
        if group.is_some_and(|group| group.setting("drain").is_some()) {
            continue;
        }
        if let Some((timeout, written)) = shortest_rebalance(manifest, group)
            && let Some(misfit) = drain_in_rebalance(DRAIN, timeout)
            && said.insert(written.span)
        {
            warn(codes::UNFIT_DRAIN, written, misfit, None, report);
        }
    }
}

fn consumers(manifest: &Manifest) -> impl Iterator<Item = &Consumer> {
    manifest.topics.iter().flat_map(|topic| &topic.consumers)
}

fn group_of<'m>(app: &'m str, manifest: &'m Manifest, consumer: &'m Consumer) -> &'m str {
    let written = consumer.settings.group.as_ref().or(manifest.defaults.group.as_ref());
    written.map_or(app, |group| group.value.as_str())
}

/// The shortest time, of all environments, that a group waits for a member in a rebalance, where a number says it.
fn shortest_rebalance<'m>(manifest: &'m Manifest, group: Option<&'m Group>) -> Option<(Duration, &'m Text)> {
    let base = &manifest.kafka;
    let environments = manifest.environments.iter().map(|environment| Some(&environment.kafka));
    let effective = environments.chain([None]).filter_map(|environment| {
        let own = group.map(|group| &group.kafka).into_iter();
        let consumer = own.chain(environment.map(|kafka| &kafka.consumer)).chain([&base.consumer]);
        let mut layers = consumer.chain(environment.map(|kafka| &kafka.options)).chain([&base.options]);
        layers.find_map(|options| rebalance_timeout(options))
    });
    let number = |text: &Text| Some(Duration::from_millis(text.value.trim().parse().ok()?));
    effective.filter_map(|text| Some((number(text)?, text))).min_by_key(|(timeout, _)| *timeout)
}

fn rebalance_timeout(options: &[(Text, Text)]) -> Option<&Text> {
    options.iter().find(|(name, _)| name.value == REBALANCE_TIMEOUT_PROPERTY).map(|(_, value)| value)
}

/// The longest time that an attempt in a group may take, where one is written.
fn longest_attempt<'m>(app: &str, manifest: &'m Manifest, group: &str) -> Option<(Duration, &'m Text)> {
    // Of a job the attempt here is to hand it over, and has no bound.
    let ours = consumers(manifest)
        .filter(|consumer| group_of(app, manifest, consumer) == group && !jobs::on_redis(&consumer.settings, manifest));
    let timeouts =
        ours.filter_map(|consumer| consumer.settings.timeout.as_ref().or(manifest.defaults.timeout.as_ref()));
    timeouts.filter_map(|text| Some((parse::timeout(&text.value).ok()?, text))).max_by_key(|(timeout, _)| *timeout)
}

fn warn(
    code: &'static str,
    text: &Text,
    DrainConflict { message, help }: DrainConflict,
    written: Option<(&Text, &str)>,
    report: &mut Report<'_>,
) {
    let diagnostic = Diagnostic::warning(code, text.span, message).help(help);
    report.add(match written {
        Some((written, label)) => diagnostic.related(written.span, label),
        None => diagnostic,
    });
}
