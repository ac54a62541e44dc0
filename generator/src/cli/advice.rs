//! What the author of a crate has to write in files of his own: the calls that start the consumers, in words that compile in
//! his crate as it is, and what keeps his crate from compiling until he has changed it.

use std::path::Path;

use karafka_generator::{
    model::Model,
    plan::{Plan, declares},
};

use super::{app, host};

/// The file that holds what controllers share.
const STATE: &str = "src/state.rs";

/// How a program of a crate comes by what controllers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It calls `State::build`.
    Built,
    /// The author's own `State` has no such function that we see, so the program makes one in the author's way.
    Given,
    /// There is a file for it, and no `State` in it.
    Missing,
}

impl State {
    /// As the crate at `root` has it; the one that karafka makes where there is none is built.
    fn of(root: &Path) -> Self {
        match text(root, STATE) {
            None => Self::Built,
            Some(text) if !has_state(&text) => Self::Missing,
            Some(text) if has_build(&text) => Self::Built,
            Some(_) => Self::Given,
        }
    }
}

/// The text of a file of the crate.
fn text(root: &Path, path: &str) -> Option<String> {
    app::read(path, &root.join(path)).ok().map(|source| source.text)
}

/// Whether a text of Rust makes a `State` known.
fn has_state(text: &str) -> bool {
    let words = |line: &str| {
        let line = line.split("//").next().unwrap_or_default();
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    text.lines().map(words).any(|words| {
        let is_public = words.first().is_some_and(|word| word == "pub");
        is_public
            && words.iter().any(|word| ["struct", "enum", "type", "use"].contains(&word.as_str()))
            && words.iter().any(|word| word == "State")
    })
}

/// Whether a text of Rust has the function that `App::run` and generated tests call: `pub async fn build() -> karafka::Result<Self>`,
/// however its result is written. Of one that takes something or is not `async` they know nothing.
fn has_build(text: &str) -> bool {
    let code = host::code(text).collect::<Vec<_>>().join("\n");
    let tokens = host::tokens(&code);
    let mut found = (0..tokens.len()).filter_map(|at| match &tokens[at..] {
        ["pub", "async", "fn", "build", "(", ")", "-", ">", rest @ ..] => Some(rest),
        _ => None,
    });
    found.any(|result| {
        let result: String =
            result.iter().take_while(|token| !matches!(**token, "{" | ";" | "where")).copied().collect();
        let result = result.trim_start_matches(':');
        [
            "karafka::Result<Self>",
            "karafka::Result<State>",
            "Result<Self>",
            "Result<State>",
            "Result<Self,karafka::Error>",
            "Result<State,karafka::Error>",
        ]
        .contains(&result)
    })
}

/// What the author of a crate has to do in files of his own, so that it compiles with what `plan` makes: in his program, which
/// may declare modules that the library has now, in his library, and in his state.
pub(crate) fn notes(root: &Path, model: &Model, plan: &Plan) -> Vec<String> {
    let name = &model.crate_name;
    let is_made = |path: &str| plan.steps.iter().any(|step| step.path == path);
    let has = |module: &str| is_made(&format!("src/{module}.rs")) || is_made(&format!("src/{module}/mod.rs"));
    let main = text(root, "src/main.rs");
    let mut notes = Vec::new();
    for module in ["generated", "state", "controllers", "workers", "parsers", "interchangers"] {
        if has(module) && main.as_ref().is_some_and(|main| declares(main, module)) {
            notes.push(format!(
                "src/main.rs declares `mod {module};`, and the library does too, which makes two of everything in it: take it \
                 out there, and write `{name}::{module}` for `crate::{module}` in the program"
            ));
        }
    }
    if !has("state") {
        return notes;
    }
    if text(root, "src/lib.rs").is_some_and(|library| declares(&library, "state") && !shows(&library, "state")) {
        notes.push(
            "src/lib.rs declares `mod state;` for itself, and programs and generated tests name what is in it: write `pub mod \
             state;`"
                .to_owned(),
        );
    }
    notes.extend(match State::of(root) {
        State::Built => None,
        State::Missing => Some(
            "src/state.rs is yours and stays; generated code needs a `pub struct State` in it, the tests its `pub async fn \
             build() -> karafka::Result<Self>`"
                .to_owned(),
        ),
        State::Given => Some(
            "src/state.rs is yours and stays; generated tests call `State::build()`, so give `State` a `pub async fn build() -> \
             karafka::Result<Self>`, or make it in another way in these tests"
                .to_owned(),
        ),
    });
    notes
}

/// Whether a library lets other crates see this module, which it declares.
fn shows(library: &str, module: &str) -> bool {
    let code = host::code(library).collect::<Vec<_>>().join("\n");
    host::tokens(&code).windows(3).any(|three| three == ["pub", "mod", module])
}

/// What the author of a crate must call.
pub(crate) fn calls(root: &Path, model: &Model, notes: &[String]) -> String {
    let name = &model.crate_name;
    let mut text = if model.consumes() {
        let (start, given) = match State::of(root) {
            State::Built => (format!("{name}::state::State::build().await?"), String::new()),
            State::Given | State::Missing => {
                ("state".to_owned(), format!("\n  where `state` is a `{name}::state::State` that your program makes"))
            }
        };
        format!(
            "call the consumers in your program\n  \
         beside other work:  let consumers = {name}::generated::app().with_env()?.start({start}).await?;\n  \
         and at its end:     let end = consumers.stop(std::time::Duration::from_secs(30)).await;\n  \
         alone:              {}{given}",
            alone(root, name)
        )
    } else {
        sends(model)
    };
    notes.iter().for_each(|note| text.push_str(&format!("\n  {note}")));
    text
}

/// What makes a program of the crate `name` the app's own.
pub(crate) fn alone(root: &Path, name: &str) -> String {
    format!("{name}::generated::app().run({})", built(root, name))
}

/// What `App::run` takes in a program of the crate `name`.
pub(crate) fn built(root: &Path, name: &str) -> String {
    match State::of(root) {
        State::Built => format!("{name}::state::State::build"),
        State::Given | State::Missing => "|| async { Ok(state) }".to_owned(),
    }
}

/// How a program sends to the topics of an app that consumes nothing.
pub(crate) fn sends(model: &Model) -> String {
    let topic = model.topics.first().map_or("TOPIC", |topic| topic.rust_name.as_str());
    format!(
        "send in your program\n  \
         use {name}::generated::{{self, Settings, Topic, topics}};\n  \
         let producer = generated::producer(&Settings::from_env(generated::manifest())?)?;\n  \
         let delivered = producer.send(topics::{topic}.record(&message)?).await?;",
        name = model.crate_name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a person is told to call a `State::build` that is not there or takes something, or is not told of the one
    /// that is.
    #[test]
    fn a_state_that_is_built_is_told_from_others() {
        for (text, has) in [
            ("impl State { pub async fn build() -> karafka::Result<Self> { Ok(Self) } }", true),
            ("impl State {\n    pub async fn build(\n    ) -> Result<Self> {\n", true),
            ("pub async fn build() -> ::karafka::Result<State> {", true),
            ("pub async fn build() -> Result<Self, karafka::Error> {", true),
            ("pub async fn build() -> anyhow::Result<Self> {", false),
            ("pub async fn build() -> Self {", false),
            ("pub async fn build(config: &Config) -> karafka::Result<Self> {", false),
            ("pub fn build() -> karafka::Result<Self> {", false),
            ("async fn build() -> karafka::Result<Self> {", false),
            ("// pub async fn build() -> karafka::Result<Self> {", false),
            ("pub struct State;", false),
        ] {
            assert_eq!(has_build(text), has, "{text}");
        }
        for (text, shown) in [
            ("pub mod state;", true),
            ("mod state;", false),
            ("pub(crate) mod state;", false),
            ("// pub mod state;\nmod state;", false),
        ] {
            assert_eq!(shows(text, "state"), shown, "{text}");
        }
    }
}
