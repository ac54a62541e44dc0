//! What an app's files look like, for the smallest manifest, the slide's, and one that uses every key.

use std::{fs, path::Path, process::Command};

use karafka_generator::{
    compile,
    model::Model,
    render::{self, Dependency, FileKind, RenderedFile},
    source::Source,
};

fn model(text: &str) -> Model {
    let source = Source::new("karafka.yml", text);
    let compiled = compile(&source);
    let said = karafka_generator::diagnostic::render(
        &source,
        &compiled.diagnostics,
        karafka_generator::diagnostic::Format::Full,
        false,
    );
    compiled.model.unwrap_or_else(|| panic!("{said}"))
}

fn rendered(text: &str) -> Vec<RenderedFile> {
    render::render(&model(text), Dependency::Version("0.1.0".into()))
}

const SMALLEST: &str = include_str!("manifests/smallest.yml");
const SLIDE: &str = include_str!("manifests/slide.yml");
const PRODUCER: &str = include_str!("manifests/producer.yml");
const LARGEST: &str = include_str!("manifests/largest.yml");

fn snapshot(name: &str, text: &str) {
    let mut all = String::new();
    for RenderedFile { path, kind, text } in rendered(text) {
        let owner = if kind == FileKind::Generated { "generated" } else { "owned" };
        all.push_str(&format!("======== {path} ({owner})\n{text}"));
    }
    insta::with_settings!({snapshot_path => "../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, all);
    });
}

/// If one of these fails, every app sees its generated files change with the next `karafka generate`.
#[test]
fn the_files_of_the_smallest_manifest() {
    snapshot("rendered_smallest", SMALLEST);
}

#[test]
fn the_files_of_the_slide() {
    snapshot("rendered_slide", SLIDE);
}

#[test]
fn the_files_of_what_consumes_nothing() {
    snapshot("rendered_producer", PRODUCER);
}

#[test]
fn the_files_of_a_manifest_that_uses_every_key() {
    snapshot("rendered_largest", LARGEST);
}

/// Writes the files of a manifest, and asks rustfmt (with its defaults: apps have no rustfmt.toml) what it would change.
fn rustfmt_changes(files: &[RenderedFile]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("rustfmt");
    command.args(["--check", "--edition", "2024", "--config-path"]).arg(folder.path());
    fs::write(folder.path().join("rustfmt.toml"), "").expect("written");
    for file in files {
        let path = folder.path().join(&file.path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, &file.text).expect("written");
        if matches!(file.path.as_str(), "src/lib.rs" | "src/main.rs") || file.path.starts_with("tests/") {
            command.arg(path);
        }
    }
    let output = command.output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// If this fails, `cargo fmt` in an app changes generated files, and `karafka check` then calls them edited.
#[test]
fn rustfmt_leaves_every_file_as_it_is() {
    for manifest in [SMALLEST, SLIDE, PRODUCER, LARGEST] {
        assert_eq!(rustfmt_changes(&rendered(manifest)), "");
    }
}

/// The same for names of any length: each line of a template passes through the column at which rustfmt breaks it.
#[test]
fn rustfmt_leaves_names_of_any_length_as_they_are() {
    let mut messages = String::from("app: lengths\nmessages:\n");
    let mut topics = String::from("topics:\n");
    for length in (1..=90).step_by(1) {
        let word = "x".repeat(length);
        messages.push_str(&format!(
            "  M{word}: {{ f{word}: string, g{word}?: [{{ string: M{word} }}], H{word}: a | b{word} }}\n"
        ));
        topics.push_str(&format!(
            "  t{word}: {{ message: M{word}, key: f{word}, controller: C::N{word}Controller, parser: P{word}, emits: [t{word}_out], tombstones: deliver, dead_letter: \"{{topic}}.dead\" }}\n  t{word}_out: {{ message: M{word}, key: f{word} }}\n  c{word}: {{ consumers: [{{ controller: D::N{word}Controller }}, {{ group: g{word}, controller: E::N{word}Controller, dead_letter: g{word}.dead }}] }}\n"
        ));
    }
    assert_eq!(rustfmt_changes(&rendered(&(messages + &topics))), "");
}

/// If this fails, git writes other line ends into a generated file on somebody's machine, or hides what a person wrote
/// in a review.
#[test]
fn git_is_told_of_generated_files_and_of_no_others() {
    let files = rendered(LARGEST);
    let attributes = files.iter().find(|file| file.path == ".gitattributes").unwrap();
    let patterns: Vec<&str> =
        attributes.text.lines().filter_map(|line| line.strip_prefix('/')?.split(' ').next()).collect();
    let is_told = |path: &str| {
        patterns.iter().any(|pattern| match pattern.split_once("**") {
            Some((folder, file)) => path.starts_with(folder) && path.ends_with(file),
            None => path == *pattern,
        })
    };
    assert!(is_told("karafka.lock") && !is_told("karafka.yml"));
    for RenderedFile { path, kind, .. } in &files {
        assert_eq!(is_told(path), *kind == FileKind::Generated, "{path}");
    }
}

/// If this fails, a text of the manifest can become code: in a literal, a comment, a template.
#[test]
fn hostile_texts_stay_texts() {
    let files = rendered(include_str!("manifests/hostile.yml"));
    assert_eq!(rustfmt_changes(&files), "", "rustfmt reads every file, so every one is Rust");
    let manifest = files.iter().find(|file| file.path == "src/generated/manifest.rs").unwrap();
    assert!(
        manifest
            .text
            .contains(r#"("kafka.options.sasl.password", "a:1\", b: \"\\ \n{{ app }} {% raw %} */ #\\u{41}")"#),
        "{}",
        manifest.text
    );
    assert!(!files.iter().any(|file| file.text.contains('\u{202e}')));
}

/// If this fails, a new app's own tests wait for attempts and dead letters of the server, which only enqueues the job.
#[test]
fn a_job_on_redis_has_no_attempts_of_the_server() {
    let topics =
        "app: shop\ndefaults: { dead_letter: \"{topic}.dead\" }\ntopics:\n  orders: { controller: OrdersController";
    for (jobs, simulations) in [("jobs: in_process", 2), ("jobs: redis", 0)] {
        let files = rendered(&format!("{topics}, {jobs} }}\n"));
        let test = files.iter().find(|file| file.path == "tests/orders_controller.rs").unwrap();
        assert_eq!(test.text.matches("Simulation::new(").count(), simulations, "{}", test.text);
        assert!(test.text.contains("harness.consume(topics::Orders, SAMPLE)"), "{}", test.text);
    }
}

/// If this fails, a new app's own tests wait for a second attempt that its group has promised never to make.
#[test]
fn what_is_consumed_at_most_once_is_not_tried_again() {
    let topics = "topics:\n  orders: { controller: OrdersController }\n";
    for (delivery, retries) in [("at_least_once", 1), ("at_most_once", 0)] {
        let files = rendered(&format!("app: shop\ngroups: {{ shop: {{ delivery: {delivery} }} }}\n{topics}"));
        let test = files.iter().find(|file| file.path == "tests/orders_controller.rs").unwrap();
        assert_eq!(test.text.matches("tries_a_message_again").count(), retries, "{}", test.text);
        assert!(test.text.contains("harness.consume(topics::Orders, SAMPLE)"), "{}", test.text);
    }
}

/// If this fails, clippy warns of generated code in which a namespace is called like the file that it stands in.
#[test]
fn a_namespace_may_be_called_workers() {
    let files = rendered(
        "app: shop\ntopics:\n  a: { controller: Workers::AController }\n  b: { controller: Shop::Workers::BController }\n",
    );
    let workers = files.iter().find(|file| file.path == "src/generated/workers.rs").unwrap();
    assert_eq!(workers.text.matches("#[expect(clippy::module_inception)]").count(), 1, "{}", workers.text);
    assert!(workers.text.contains("#[expect(clippy::module_inception)]\npub mod workers {"), "{}", workers.text);
    assert_eq!(rustfmt_changes(&files), "");
}

/// If this fails, an app cannot be built again from the same manifest to the same bytes.
#[test]
fn generated_files_hold_no_date_version_or_path() {
    for file in rendered(LARGEST).iter().filter(|file| file.kind == FileKind::Generated) {
        assert!(file.text.starts_with(render::BANNER), "{}", file.path);
        for word in [env!("CARGO_PKG_VERSION"), env!("CARGO_MANIFEST_DIR"), "2026-"] {
            assert!(!file.text.contains(word), "{} holds {word}", file.path);
        }
        assert!(!file.text.contains("#![allow"), "{}", file.path);
    }
}

/// If this fails, the design's table of names and files (manifest.md) no longer holds.
#[test]
fn the_slides_files_stand_where_the_design_says() {
    let files = rendered(SLIDE);
    for path in [
        "src/controllers/videos/details_controller.rs",
        "src/controllers/videos/new_videos_controller.rs",
        "src/parsers/binary_to_json.rs",
        "src/workers/details_worker.rs",
        "src/interchangers/binary.rs",
    ] {
        assert!(files.iter().any(|file| Path::new(&file.path) == Path::new(path)), "{path}");
    }
}

/// If this fails, a comment of a new controller has its author write `ctx.emit(…)` where the parameter is `_ctx`, and that does
/// not compile.
#[test]
fn comments_of_stubs_name_what_is_there() {
    let mut seen = 0;
    for RenderedFile { path, kind, text } in [SMALLEST, SLIDE, LARGEST].into_iter().flat_map(rendered) {
        let says = text.lines().any(|line| line.trim_start().starts_with("//") && line.contains("`ctx."));
        if kind == FileKind::Generated || !path.starts_with("src/controllers/") || !says {
            continue;
        }
        seen += 1;
        assert!(text.contains(" ctx: &") || text.contains("`ctx` for `_ctx`"), "{path}\n{text}");
    }
    assert!(seen > 1, "{seen}");
}
