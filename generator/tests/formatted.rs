//! What the real rustfmt makes of generated files under settings that are not its defaults.
//!
//! By itself, and not among the tests of the library: a process that is about to become rustfmt still holds what that one
//! has locked.

use std::{fs, path::Path, process::Command};

use karafka_generator::{
    compile,
    model::Model,
    plan::{Action, Options, Plan, Tree},
    render::{Dependency, Renderer},
    source::Source,
};

/// Names of many lengths, so that each line of a template is too long for one setting and not for the next.
fn lengths() -> String {
    let (mut messages, mut topics) = (String::from("app: lengths\nmessages:\n"), String::from("topics:\n"));
    for length in (1..80).step_by(11) {
        let word = "x".repeat(length);
        messages.push_str(&format!(
            "  M{word}: {{ f{word}: string, g{word}?: [{{ string: M{word} }}], H{word}: a | b{word} }}\n  \
             N{word}: {{ f{word}: string }}\n  O{word}: {{ one_of: {{ a: M{word}, b: N{word} }}, by: type }}\n"
        ));
        topics.push_str(&format!(
            "  t{word}: {{ message: M{word}, key: f{word}, controller: C::N{word}Controller, parser: P{word}, emits: [o{word}] }}\n  \
             o{word}: {{ message: O{word}, key: f{word} }}\n"
        ));
    }
    messages + &topics
}

fn model(manifest: &str) -> Model {
    let compiled = compile(&Source::new("karafka.yml", manifest));
    compiled.model.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

fn plan(model: &Model, root: &Path) -> Plan {
    let renderer = Renderer::new(model, Dependency::Version("0.1.0".into()));
    Plan::new(model, &renderer, &Tree::read(root).expect("it is read"), Vec::new(), Options::default())
}

/// Writes what a plan would write.
fn write(plan: &Plan, root: &Path) {
    for step in plan.steps.iter().filter(|step| step.action.writes()) {
        let (path, text) = (root.join(&step.path), step.after.as_ref().expect("nothing is removed"));
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
}

/// Formats an app with these settings.
fn format(root: &Path, settings: &str) {
    fs::write(root.join("rustfmt.toml"), settings).expect("written");
    let mut command = Command::new("rustfmt");
    command.args(["--edition", "2024", "--config-path"]).arg(root).arg(root.join("src/lib.rs"));
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{settings}: {}", String::from_utf8_lossy(&output.stderr));
}

/// If this fails, `cargo fmt` in a repository with settings of its own makes every generated file one that was edited by
/// hand, and `karafka check` can never be right there.
#[test]
fn no_setting_of_rustfmt_makes_an_edit() {
    let settings = [
        "max_width = 60\n",
        "max_width = 40\ntab_spaces = 2\n",
        "max_width = 140\nuse_small_heuristics = \"Max\"\n",
        "hard_tabs = true\n",
        "use_small_heuristics = \"Off\"\n",
        "newline_style = \"Windows\"\n",
        "max_width = 60\nmatch_block_trailing_comma = true\nmatch_arm_leading_pipes = \"Preserve\"\n",
        "max_width = 60\nfn_params_layout = \"Vertical\"\n",
        "max_width = 60\nfn_params_layout = \"Compressed\"\nhard_tabs = true\nnewline_style = \"Windows\"\n",
        "reorder_imports = false\nreorder_modules = false\nmerge_derives = false\n",
        "style_edition = \"2015\"\n",
        "style_edition = \"2021\"\nmax_width = 80\nuse_field_init_shorthand = true\n",
        "edition = \"2018\"\nforce_explicit_abi = false\nuse_try_shorthand = true\n",
    ];
    let lengths = lengths();
    let manifests = [include_str!("manifests/slide.yml"), include_str!("manifests/largest.yml"), lengths.as_str()];
    // How many settings change a file, so that there is something to see.
    let mut changing = 0;
    for settings in settings {
        let mut changes = false;
        for manifest in manifests {
            let (folder, model) = (tempfile::tempdir().expect("a folder"), model(manifest));
            let first = plan(&model, folder.path());
            write(&first, folder.path());
            format(folder.path(), settings);
            let again = plan(&model, folder.path());
            for step in &again.steps {
                let text = fs::read_to_string(folder.path().join(&step.path)).unwrap_or_default();
                assert_eq!(step.action, Action::Identical, "{} by {settings}:\n{text}", step.path);
                changes |= step.path.starts_with("src/generated/") && step.after.as_ref() != Some(&text);
            }
        }
        changing += usize::from(changes);
    }
    assert!(changing >= 8, "only {changing} settings change a file");
}
