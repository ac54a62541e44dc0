//! Groups whose ids differ by environment, and whose protocol is not the classic one.

use super::*;
use crate::metrics;

static BY_ENVIRONMENT: Manifest = Manifest {
    groups: &[GroupEntry {
        name: "shop",
        settings: &[("id", "${GROUP:-shop}"), ("ordering", "key"), ("kafka.heartbeat.interval.ms", "250")],
    }],
    ..PLAIN
};

static NEW_PROTOCOL: Manifest =
    Manifest { settings: &[], groups: &[GroupEntry { name: "shop", settings: &[("protocol", "consumer")] }], ..PLAIN };

/// If this fails, staging takes production's partitions in a cluster that they share, or whoever looks at metrics does not
/// know whose they are.
#[test]
fn two_environments_in_one_cluster_each_read_all() {
    let production = Shop { app: &BY_ENVIRONMENT, ..Shop::open() };
    let mut staging = Shop::at(&production.address, &BY_ENVIRONMENT);
    staging.variables.insert("GROUP".to_owned(), "shop-staging".to_owned());
    production.send_numbers(0..100);
    let running = [&production, &staging].map(Shop::start);
    for (shop, running, id) in [(&production, &running[0], "shop"), (&staging, &running[1], "shop-staging")] {
        shop.until("all records", |shop| shop.seen().len() == 100);
        shop.until("its partitions", |shop| shop.noted(&format!("Assigned {{ group: {id:?}, ")) > 0);
        let view = running.watch().view(Instant::now());
        let groups = &view.groups;
        let key = (id != "shop").then_some("shop");
        assert_eq!((&*groups[0].group, groups[0].key.as_deref()), (id, key));
        let text = metrics::text(&BY_ENVIRONMENT, &view, &metrics::Told::default());
        assert!(text.contains(&format!("{{group=\"{id}\",topic=\"orders\"")), "{text}");
    }
    for (running, id) in running.into_iter().zip(["shop", "shop-staging"]) {
        let end = running.join();
        assert_eq!((end.handled, end.to_repeat.len()), (100, 0), "{id}");
    }
}

/// If this fails, an app with `protocol: consumer` does not start in development.
#[test]
fn a_group_of_the_consumer_protocol_runs_on_the_embedded_broker() {
    let shop = Shop { app: &NEW_PROTOCOL, ..Shop::open() };
    shop.send_numbers(0..100);
    let running = shop.start();
    shop.until("all records", |shop| shop.seen().len() == 100);
    assert_eq!(running.join().handled, 100);
}
