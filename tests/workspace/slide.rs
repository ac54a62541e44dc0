//! The manifest that everything began with.

use std::sync::OnceLock;

use karafka_tests::app::App;

use crate::app_checks;

const MANIFEST: &str = include_str!("manifests/slide.yml");

/// The slide's app; one for all tests.
pub(crate) fn slide() -> &'static App {
    static APP: OnceLock<App> = OnceLock::new();
    APP.get_or_init(|| App::from_manifest("myapp", MANIFEST).expect("`karafka new --manifest` takes the slide"))
}

/// If this fails, the promise of the project's first page is broken.
#[test]
fn the_slide_becomes_an_app_that_passes_every_linter() {
    let app = slide();
    assert_eq!(app.read("karafka.yml").expect("the app has its manifest"), MANIFEST, "the manifest stays as it was");
    for path in [
        "src/controllers/videos/details_controller.rs",
        "src/controllers/videos/new_videos_controller.rs",
        "src/workers/details_worker.rs",
        "src/parsers/binary_to_json.rs",
        "src/interchangers/binary.rs",
    ] {
        app.read(path).expect("the files that the table of names promises");
    }
    app_checks::check(app);
}
