//! Which file another one became.

use super::*;

/// If this fails, a file is said to have become another that nobody has asked about, or of another kind.
#[test]
fn only_what_is_left_over_became_something() {
    let step = |action, path: &str| Step { path: path.to_owned(), action, before: None, after: None };
    for (left, new) in [
        ("src/controllers/old.rs", "src/controllers/new.rs"),
        ("src/workers/a/old.rs", "src/workers/b/c/new.rs"),
        ("src/parsers/old.rs", "src/parsers/new.rs"),
        ("src/interchangers/old.rs", "src/interchangers/new.rs"),
        ("tests/old.rs", "tests/new.rs"),
    ] {
        let plan = Plan { steps: vec![step(Action::Keep, left), step(Action::Create, new)], ..Plan::default() };
        assert_eq!(plan.renamed_to(left), Some(new));
        for other in
            [new, "src/controllers/other.rs", "tests/other.rs", "src/main.rs", "src/controllers/mod.rs", "old.rs"]
        {
            assert_eq!(plan.renamed_to(other), None, "{left} {other}");
        }
    }
    for (left, new) in [
        ("src/main.rs", "src/lib.rs"),
        ("src/controllers/mod.rs", "src/controllers/new.rs"),
        ("src/controllers/old.rs", "src/controllers/mod.rs"),
        ("src/controllers/old.rs", "tests/new.rs"),
        ("src/workers/old.rs", "src/controllers/new.rs"),
    ] {
        let plan = Plan { steps: vec![step(Action::Keep, left), step(Action::Create, new)], ..Plan::default() };
        assert_eq!(plan.renamed_to(left), None, "{left} {new}");
    }
}
