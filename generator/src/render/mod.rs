//! From the model to the texts of an app's files.
//!
//! [`Renderer::wanted`] says which files an app of this manifest has, cheaply; [`Renderer::text`] makes the text of
//! one. Most runs need few texts: an owned file that is there already is never looked into.

mod crate_files;
pub mod escape;
mod folders;
mod imports;
mod layout;
mod messages;
mod routes;
mod stubs;
mod tables;
mod templates;
mod texts;
mod topics;
mod workers;

use std::collections::BTreeSet;

use crate::{
    model::{Controller, Model, Part, Payload, Worker},
    workspace::Inherited,
};

pub use crate_files::{Dependency, cargo_config, starter_manifest};
pub(crate) use crate_files::{OTHER_DEPENDENCIES, TOKIO, modules, needed_features, was_made_to_send};
pub use folders::Layout;
pub use templates::BANNER;

use folders::Folder;
use templates::Templates;

/// Who a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// Ours: rewritten, pruned, checked for drift.
    Generated,
    /// The user's: written once, and then never again. The crate does not compile without it.
    Owned,
    /// The user's, and not needed by the crate: only a new crate gets it, and then it may be deleted too.
    Optional,
}

/// A file that an app of the manifest has.
#[derive(Debug)]
pub struct Wanted<'m> {
    /// Its path, from the app's root, with `/`.
    pub path: String,
    /// Who it belongs to.
    pub kind: FileKind,
    piece: Piece<'m>,
}

impl Wanted<'_> {
    /// The folders of parts that it declares, if it is the library.
    #[must_use]
    pub fn folders(&self) -> &[&'static str] {
        match &self.piece {
            Piece::Lib(folders) => folders,
            _ => &[],
        }
    }
}

#[derive(Debug)]
enum Piece<'m> {
    Cargo,
    Gitattributes,
    Gitignore,
    Rustfmt,
    Readme,
    Main,
    Lib(Vec<&'static str>),
    State,
    Controller(&'m Controller),
    Test(&'m Controller),
    Worker(&'m Worker),
    Parser(&'m Part),
    Interchanger(&'m Part),
    Folder(Folder),
    Generated,
    Manifest,
    Prelude,
    Messages,
    Topics,
    Workers,
    Routes,
}

/// A file with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Its path, from the app's root, with `/`.
    pub path: String,
    /// Who it belongs to.
    pub kind: FileKind,
    /// Its text.
    pub text: String,
}

/// Renders the files of one model.
#[derive(Debug)]
pub struct Renderer<'m> {
    model: &'m Model,
    dependency: Dependency,
    inherited: Option<Inherited>,
    starter: bool,
    templates: Templates,
}

impl<'m> Renderer<'m> {
    /// A renderer for `model`, whose app depends on the runtime as `dependency` says.
    #[must_use]
    pub fn new(model: &'m Model, dependency: Dependency) -> Self {
        Self { model, dependency, inherited: None, starter: false, templates: Templates::new() }
    }

    /// Where the app finds the runtime.
    #[must_use]
    pub fn dependency(&self) -> &Dependency {
        &self.dependency
    }

    /// For an app that is a member of a workspace, and takes this from there.
    #[must_use]
    pub fn member(mut self, inherited: Inherited) -> Self {
        self.inherited = Some(inherited);
        self
    }

    /// What the app takes from its workspace, if it is a member of one.
    #[must_use]
    pub fn inherited(&self) -> Option<&Inherited> {
        self.inherited.as_ref()
    }

    /// For the manifest of [`starter_manifest`]: with a controller and a test that do something already.
    #[must_use]
    pub fn starter(mut self) -> Self {
        self.starter = true;
        self
    }

    /// Every file that the app has, in the order in which a person reads them.
    ///
    /// `layout` says what is in the app's folders already: the `mod.rs` of a folder names that too.
    #[must_use]
    pub fn wanted(&self, layout: &Layout) -> Vec<Wanted<'m>> {
        let model = self.model;
        let mut wanted = Vec::with_capacity(16 + 2 * model.controllers.len() + model.workers.len());
        let mut want = |path: String, kind, piece| wanted.push(Wanted { path, kind, piece });

        want("Cargo.toml".to_owned(), FileKind::Owned, Piece::Cargo);
        want(".gitattributes".to_owned(), FileKind::Optional, Piece::Gitattributes);
        want(".gitignore".to_owned(), FileKind::Optional, Piece::Gitignore);
        // A workspace has its own, for all its members.
        if self.inherited.is_none() {
            want("rustfmt.toml".to_owned(), FileKind::Optional, Piece::Rustfmt);
        }
        want("README.md".to_owned(), FileKind::Optional, Piece::Readme);
        // What only sends is a library for programs that do other things.
        let consumes = model.consumes();
        if consumes {
            want("src/main.rs".to_owned(), FileKind::Optional, Piece::Main);
        }
        let folders = folders::folders(model, layout);
        want("src/lib.rs".to_owned(), FileKind::Owned, Piece::Lib(folders::top(&folders)));
        if consumes {
            want("src/state.rs".to_owned(), FileKind::Owned, Piece::State);
        }
        for controller in &model.controllers {
            want(controller.constant.file(), FileKind::Owned, Piece::Controller(controller));
        }
        for parser in &model.parsers {
            want(parser.constant.file(), FileKind::Owned, Piece::Parser(parser));
        }
        for interchanger in &model.interchangers {
            want(interchanger.constant.file(), FileKind::Owned, Piece::Interchanger(interchanger));
        }
        for worker in model.workers.iter().filter(|worker| worker.named) {
            want(worker.constant.file(), FileKind::Owned, Piece::Worker(worker));
        }
        for folder in folders {
            want(format!("{}/mod.rs", folder.path), FileKind::Generated, Piece::Folder(folder));
        }
        want("src/generated/mod.rs".to_owned(), FileKind::Generated, Piece::Generated);
        want("src/generated/manifest.rs".to_owned(), FileKind::Generated, Piece::Manifest);
        if consumes {
            want("src/generated/prelude.rs".to_owned(), FileKind::Generated, Piece::Prelude);
        }
        want("src/generated/messages.rs".to_owned(), FileKind::Generated, Piece::Messages);
        want("src/generated/topics.rs".to_owned(), FileKind::Generated, Piece::Topics);
        if consumes {
            want("src/generated/workers.rs".to_owned(), FileKind::Generated, Piece::Workers);
            want("src/generated/routes.rs".to_owned(), FileKind::Generated, Piece::Routes);
        }
        let mut taken = BTreeSet::new();
        for controller in &model.controllers {
            let path = test_path(controller, &mut taken);
            want(path, FileKind::Optional, Piece::Test(controller));
        }
        wanted
    }

    /// The text of a file.
    #[must_use]
    pub fn text(&self, wanted: &Wanted<'_>) -> String {
        let Self { model, templates, .. } = self;
        match &wanted.piece {
            Piece::Cargo => crate_files::cargo(templates, model, &self.dependency, self.inherited()),
            Piece::Gitattributes => templates.fill("gitattributes", &crate_files::App::new(model)),
            Piece::Gitignore => templates.fill("gitignore", &crate_files::App::new(model)),
            Piece::Rustfmt => templates.fill("rustfmt.toml", &crate_files::App::new(model)),
            Piece::Readme => templates.fill("README.md", &crate_files::App::new(model)),
            Piece::Main => templates.fill("src/main.rs", &crate_files::App::new(model)),
            Piece::Lib(folders) => crate_files::library(templates, model, folders),
            Piece::State => templates.fill("src/state.rs", &crate_files::App::new(model)),
            Piece::Controller(_) if self.starter => {
                templates.fill("src/controllers/orders_controller.rs", &crate_files::App::new(model))
            }
            Piece::Test(_) if self.starter => {
                templates.fill("tests/orders_controller.rs", &crate_files::App::new(model))
            }
            Piece::Controller(controller) => stubs::controller(templates, model, controller),
            Piece::Test(controller) => stubs::test(templates, model, controller),
            Piece::Worker(worker) => stubs::worker(templates, worker),
            Piece::Parser(part) => stubs::parser(templates, model, part),
            Piece::Interchanger(part) => stubs::interchanger(templates, model, part),
            Piece::Folder(folder) => folder.text(templates),
            Piece::Generated => templates.fill("src/generated/mod.rs", &crate_files::App::new(model)),
            Piece::Manifest => routes::manifest(templates, model),
            Piece::Prelude => crate_files::prelude(templates, model),
            Piece::Messages => messages::text(templates, model),
            Piece::Topics => topics::text(templates, model),
            Piece::Workers => workers::text(templates, model),
            Piece::Routes => routes::text(templates, model),
        }
    }
}

/// Every file of a new app, with its text.
#[must_use]
pub fn render(model: &Model, dependency: Dependency) -> Vec<RenderedFile> {
    let renderer = Renderer::new(model, dependency);
    let wanted = renderer.wanted(&Layout::default());
    let texts = renderer.texts(&wanted.iter().collect::<Vec<_>>(), |_, text| text);
    wanted
        .into_iter()
        .zip(texts)
        .map(|(wanted, text)| RenderedFile { path: wanted.path, kind: wanted.kind, text })
        .collect()
}

/// `tests/videos_details_controller.rs`: cargo takes tests from that folder only, so a namespace becomes a prefix.
fn test_path(controller: &Controller, taken: &mut BTreeSet<String>) -> String {
    let name = controller.constant.flat_name();
    // `Videos::DetailsController` and `VideosDetailsController` are two controllers with one prefix.
    let mut path = format!("tests/{name}.rs");
    let mut number = 2;
    while !taken.insert(path.clone()) {
        path = format!("tests/{name}_{number}.rs");
        number += 1;
    }
    path
}

/// A payload's type, in the files of `src/generated`.
fn type_in_generated(payload: &Payload) -> String {
    match payload {
        Payload::Message(name) => format!("super::messages::{name}"),
        Payload::Json => "::karafka::codegen::Json".to_owned(),
        Payload::Bytes => "::karafka::codegen::Bytes".to_owned(),
        Payload::Text => "::std::string::String".to_owned(),
    }
}
