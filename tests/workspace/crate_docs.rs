//! The crate documentation of the runtime, followed by somebody who reads nothing else.

use karafka_tests::{app::App, checkout};

/// The block of code behind the first mention of `path`, without its fences.
fn block<'a>(page: &'a str, path: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("`{path}`")).unwrap_or_else(|| panic!("the page names no {path}"));
    let (_, rest) = rest.split_once("```").expect("a block follows");
    let (_, rest) = rest.split_once('\n').expect("of several lines");
    rest.split_once("\n```").expect("that ends").0
}

/// If this fails, the first controller that somebody copies from docs.rs does not compile, or does not do what stands beside it.
#[test]
fn a_controller_put_together_from_the_crate_docs_alone_works() {
    let page = std::fs::read_to_string(checkout::root().join("runtime/README.md")).expect("the crate documentation");
    let app = App::from_manifest("receipts", block(&page, "karafka.yml")).expect("the manifest is right");
    for path in ["src/controllers/orders_controller.rs", "tests/orders_controller.rs"] {
        app.rewrite(path, &format!("//! From the crate documentation.\n\n{}\n", block(&page, path))).expect("written");
    }
    let cargo = app.cargo().expect("cargo is there");
    let tested = cargo.run("test", &["--test", "orders_controller"]).expect("cargo runs").expect_code(0);
    let tested = tested.expect("it compiles, and its tests pass").text();
    assert!(tested.contains("2 passed"), "{tested}");
}
