//! Parts that are added, renamed and removed: manifest and crate stay in step.

use super::*;

/// If this fails, adding a part no longer changes manifest and crate together, or disturbs what stands in the manifest.
#[test]
fn parts_are_added_to_manifest_and_crate() {
    let (_folder, root) = shop();
    let before = fs::read_to_string(root.join("karafka.yml")).unwrap();
    let mut all = String::new();
    for arguments in [
        &["generate", "controller", "Videos::Details", "--topic", "video.details", "--emits", "order_confirmed"][..],
        &["generate", "message", "Video", "id:uuid", "tags:[string]:optional", "status:draft | published"],
        &["generate", "controller", "Videos", "--message", "Video", "--group", "on", "--worker", "Slow"],
        &["generate", "parser", "Parsers::Frames", "--topic", "video.details"],
        &["generate", "interchanger", "Interchangers::Frames", "--topic", "video.details"],
        &["generate", "worker", "Workers::Careful", "--topic", "video.details"],
        // Each of these says what is wrong, and changes nothing.
        &["generate", "controller", "Orders"],
        &["generate", "controller", "::Orders"],
        &["generate", "worker", "Slow"],
        &["generate", "message", "Order", "id:uuid"],
        &["generate", "message", "Parcel", "id"],
        &["generate", "message", "Parcel", "id:uid"],
        &["generate", "controller", "Parcels", "--emits", "order_confirmd"],
    ] {
        all.push_str(&format!("======== karafka {}\n{}", arguments.join(" "), call(&root, arguments)));
    }
    let after = fs::read_to_string(root.join("karafka.yml")).unwrap();
    all.push_str(&format!("======== karafka.yml\n{after}"));
    snapshot("parts", &all);
    for line in before.lines() {
        assert!(after.contains(line), "{line} is gone");
    }
    calls(&root, &["check"], 0);
}

/// If this fails, a topic that several groups consume has to be edited by hand, or the wrong consumer changes.
#[test]
fn parts_of_a_topic_with_several_consumers() {
    let (_folder, root) = shop();
    let manifest = root.join("karafka.yml");
    let text = fs::read_to_string(&manifest).unwrap();
    let list = "  clicks:\n    consumers:\n      - controller: Clicks::CountController\n";
    fs::write(&manifest, format!("{}\n{list}", text.trim_end())).unwrap();
    let add = ["generate", "controller", "Clicks::Audit", "--topic", "clicks", "--group", "audit", "-q"];
    calls(&root, &add, 0);
    let said = calls(&root, &["generate", "worker", "Slow", "--topic", "clicks"], 2);
    assert!(
        said.contains("`--controller Clicks::AuditController` or `--controller Clicks::CountController`"),
        "{said}"
    );
    calls(&root, &["generate", "worker", "Slow", "--topic", "clicks", "--controller", "Clicks::Count", "-q"], 0);
    let said = calls(&root, &["generate", "worker", "Slow", "--topic", "clicks", "--controller", "Other"], 2);
    assert!(said.contains("has no controller `OtherController`"), "{said}");
    let said = calls(&root, &["generate", "worker", "Slow", "--topic", "clikcs"], 1);
    assert!(said.contains("has no topic `clikcs`"), "{said}");
    let after = fs::read_to_string(&manifest).unwrap();
    let consumers = "        worker: SlowWorker\n      - { group: audit, controller: Clicks::AuditController }\n";
    assert!(after.ends_with(&format!("{list}{consumers}")), "{after}");
    // A test of a topic that several groups consume says for which.
    let test = fs::read_to_string(root.join("tests/clicks_audit_controller.rs")).unwrap();
    assert!(test.contains("consume_in(\"audit\", topics::Clicks"), "{test}");
}

/// If this fails, removed topics leave dead code, or take a person's file with them.
#[test]
fn what_is_no_longer_named_is_pruned_or_kept() {
    let (_folder, root) = shop();
    calls(&root, &["generate", "controller", "Videos::Details", "-q"], 0);
    replace(&root.join("karafka.yml"), "  videos_details:\n    controller: Videos::DetailsController\n", "");
    snapshot("pruned", &call(&root, &["generate"]));
    calls(&root, &["check"], 0);
}

/// If this fails, a controller that was renamed is recreated, and what was written in the old one seems lost.
#[test]
fn a_renamed_controller_is_moved_by_hand() {
    let (_folder, root) = shop();
    replace(&root.join("karafka.yml"), "controller: OrdersController", "controller: Sales::PurchasesController");
    snapshot("renamed", &call(&root, &["generate"]));
    calls(&root, &["check"], 0);
}

/// If this fails, a person who adds a controller is told to overwrite it with one that he gave up long ago.
#[test]
fn what_was_left_before_became_nothing_that_comes_now() {
    let (_folder, root) = shop();
    let manifest = root.join("karafka.yml");
    replace(&manifest, "    controller: OrdersController\n    emits: [order_confirmed]\n", "");
    let said = calls(&root, &["generate"], 0);
    assert!(said.contains("keep  src/controllers/orders_controller.rs  no longer in the manifest"), "{said}");
    for arguments in [
        &["generate", "controller", "Sales::Refunds"][..],
        &["generate", "controller", "Videos"],
        &["generate", "worker", "Workers::Slow", "--topic", "videos"],
    ] {
        let said = calls(&root, arguments, 0);
        assert!(said.contains("create  ") && !said.contains("git mv"), "{said}");
    }
    // And what is left now is not taken for what was left before.
    replace(&manifest, "Sales::RefundsController", "Sales::BackController");
    let said = calls(&root, &["generate"], 0);
    for (old, new) in [
        ("src/controllers/sales/refunds_controller.rs", "src/controllers/sales/back_controller.rs"),
        ("tests/sales_refunds_controller.rs", "tests/sales_back_controller.rs"),
    ] {
        assert!(said.contains(&format!("git mv -f {old} {new}")), "{said}");
    }
    assert_eq!(said.matches("git mv").count(), 2, "{said}");
}

/// If this fails, the first controller of a crate that `karafka new` made to send lies there with nothing that runs it; or a
/// crate that somebody else made gets a program that he did not ask for.
#[test]
fn a_crate_that_only_sent_gets_its_program_with_its_first_controller() {
    let folder = folder();
    let manifest = include_str!("../manifests/producer.yml");
    fs::write(folder.path().join("mine.yml"), manifest).unwrap();
    let new = |name: &str| {
        calls(folder.path(), &["new", name, "--manifest", "mine.yml", "--karafka-version", "0.1.0", "-q"], 0);
        folder.path().join(name)
    };
    let text = |root: &Path, path: &str| fs::read_to_string(root.join(path)).unwrap();
    let first = ["generate", "controller", "Orders", "--topic", "order_events"];
    let advice = "let a program call `orders_api::generated::app()`";

    let root = new("orders-api");
    let said = calls(&root, &first, 0);
    assert!(said.contains("create  src/main.rs") && !said.contains(advice), "{said}");
    assert!(text(&root, "src/main.rs").contains("generated::app().run(State::build)"));
    let cargo = text(&root, "Cargo.toml");
    let (code, tests) = cargo.split_once("[dev-dependencies]").unwrap();
    assert!(code.contains("tokio = { version = \"1\", features = [\"macros\", \"rt\", \"time\"] }"), "{cargo}");
    assert!(tests.contains("karafka = ") && tests.contains("tokio = "), "{cargo}");
    calls(&root, &["check"], 0);
    // Who does without it does not get it back.
    fs::remove_file(root.join("src/main.rs")).unwrap();
    calls(&root, &["check"], 0);

    // By hand in the manifest, after the author has added to what is his.
    fs::rename(&root, folder.path().join("first")).unwrap();
    let root = new("orders-api");
    replace(&root.join("src/lib.rs"), "pub mod generated;", "pub mod client;\npub mod generated;");
    replace(&root.join("karafka.yml"), "  audit: {}", "  audit: { controller: AuditController }");
    let checked = calls(&root, &["check"], 1);
    assert!(checked.contains("src/main.rs"), "{checked}");
    let said = calls(&root, &["generate"], 0);
    assert!(said.contains("create  src/main.rs") && !said.contains(advice), "{said}");

    // Whoever has a program, or has made the crate, is told what to call.
    for (path, to) in [
        ("src/bin/web.rs", "fn main() {}\n"),
        ("src/lib.rs", "//! Mine.\n\npub mod generated;\n"),
        ("Cargo.toml", "\n[[bin]]\nname = \"web\"\npath = \"web.rs\"\n"),
    ] {
        fs::remove_dir_all(&root).unwrap();
        let root = new("orders-api");
        let to = if path == "Cargo.toml" { text(&root, path) + to } else { to.to_owned() };
        fs::create_dir_all(root.join("src/bin")).unwrap();
        if path != "src/bin/web.rs" {
            fs::remove_dir(root.join("src/bin")).unwrap();
        }
        fs::write(root.join(path), to).unwrap();
        let said = calls(&root, &first, 0);
        assert!(said.contains(advice) && said.contains("write what a message means"), "{path}: {said}");
        assert!(!root.join("src/main.rs").exists(), "{path}");
        assert!(!text(&root, "Cargo.toml").contains("\"time\""), "{path}");
        calls(&root, &["check"], 0);
    }
}

/// If this fails, a program that no longer compiles, or a `Cargo.toml` that cargo refuses, is found out when somebody builds.
#[test]
fn what_goes_with_the_last_controller_is_named() {
    let (_folder, root) = shop();
    fs::create_dir(root.join("src/bin")).unwrap();
    fs::write(root.join("src/bin/consumers.rs"), "use shop::generated::app;\nfn main() { drop(app()); }\n").unwrap();
    let text = fs::read_to_string(root.join("karafka.yml")).unwrap();
    let without = text.replace("    controller: OrdersController\n    emits: [order_confirmed]\n", "");
    assert_ne!(text, without);
    fs::write(root.join("karafka.yml"), without).unwrap();
    let said = calls(&root, &["generate"], 0);
    let words = "next: src/bin/consumers.rs, src/main.rs are yours, and use `generated::app`, which goes with the last controller: \
                 take that out; what sends is `generated::producer`\n  a program that you delete goes from `default-run` in \
                 Cargo.toml, too\n";
    assert!(said.contains(words), "{said}");
    fs::remove_file(root.join("src/bin/consumers.rs")).unwrap();
    let said = calls(&root, &["generate"], 0);
    assert!(said.contains("next: src/main.rs is yours, and uses `generated::app`"), "{said}");
    fs::remove_file(root.join("src/main.rs")).unwrap();
    // An empty folder of programs may be one that is being filled.
    let said = calls(&root, &["generate"], 0);
    assert!(!said.contains("next:"), "{said}");
    fs::remove_dir(root.join("src/bin")).unwrap();
    for command in ["check", "generate"] {
        let said = calls(&root, &[command, "--output-format", "concise"], 1);
        assert!(said.contains("Cargo.toml:7:15: error[cargo-toml]"), "{said}");
        assert!(said.contains("`default-run` names shop, and there is no `src/main.rs`"), "{said}");
    }
    replace(&root.join("Cargo.toml"), "default-run = \"shop\"\n", "");
    calls(&root, &["generate"], 0);
    calls(&root, &["check"], 0);
}

/// If this fails, a field that is given twice is called something that a person should add by hand.
#[test]
fn a_field_that_is_given_twice_is_refused() {
    let (_folder, root) = shop();
    for twice in [["id:uuid", "id:uuid"], ["id:uuid", "id:string:optional"]] {
        let said = calls(&root, &["generate", "message", "Parcel", twice[0], twice[1]], 2);
        assert!(said.ends_with("error: the field `id` stands twice\n"), "{said}");
    }
}

/// If this fails, renaming an app makes files that do not compile, and `check` calls them in step.
#[test]
fn an_app_is_renamed_in_its_cargo_toml_too() {
    let (_folder, root) = shop();
    replace(&root.join("karafka.yml"), "app: shop", "app: web-store");
    let before = everything(&root);
    for arguments in [&["check"][..], &["generate", "--accept-group-change"]] {
        let said = calls(&root, arguments, 1);
        let words = "write `name = \"web-store\"`, and `web_store::` for `shop::`";
        assert!(said.contains("[cargo-toml]") && said.contains("Cargo.toml:2:8") && said.contains(words), "{said}");
    }
    assert_eq!(everything(&root), before);
    replace(&root.join("Cargo.toml"), "name = \"shop\"", "name = \"web-store\"");
    calls(&root, &["generate", "--accept-group-change"], 0);
    calls(&root, &["check"], 0);
}
