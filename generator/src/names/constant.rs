//! Constants such as `Videos::DetailsController`: their Rust paths, their files, the workers derived from them.

use std::{fmt, sync::Arc};

use super::{
    NameError, Refusal,
    case::{join_capitalized, snake},
    letters, reserved,
};

/// The longest name of a file, in bytes and without its ending. Disks take 255, and a test's name becomes longer when
/// it is built: the compiler puts up to 35 bytes of its own behind it.
const FILE_LIMIT: usize = 200;

/// What a constant stands for, and so which folder it lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Under `src/controllers`.
    Controller,
    /// Under `src/workers`, or generated.
    Worker,
    /// Under `src/parsers`.
    Parser,
    /// Under `src/interchangers`.
    Interchanger,
}

impl Role {
    /// The folder under `src`, and the module.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Controller => "controllers",
            Self::Worker => "workers",
            Self::Parser => "parsers",
            Self::Interchanger => "interchangers",
        }
    }

    /// The key of the manifest that takes such a constant.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Worker => "worker",
            Self::Parser => "parser",
            Self::Interchanger => "interchanger",
        }
    }

    /// What a type's name may end in to say its role.
    fn word(self) -> &'static str {
        match self {
            Self::Controller => "Controller",
            Self::Worker => "Worker",
            Self::Parser => "Parser",
            Self::Interchanger => "Interchanger",
        }
    }

    /// The first segment that stands for the folder itself.
    fn prefix(self) -> &'static str {
        match self {
            Self::Controller => "Controllers",
            Self::Worker => "Workers",
            Self::Parser => "Parsers",
            Self::Interchanger => "Interchangers",
        }
    }
}

/// A name such as `Videos::DetailsController`, checked, with the role that it was written for.
///
/// Cheap to clone, because everything of an app refers to its constants.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Constant(Arc<Parts>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Parts {
    text: String,
    role: Role,
    /// Snake-cased, without a first segment that names the role's own folder.
    modules: Vec<String>,
    type_name: String,
    /// The type's name in snake case.
    file_module: String,
}

impl Constant {
    /// Reads `Segment(::Segment)*`, each segment `[A-Z][A-Za-z0-9]*`.
    ///
    /// # Errors
    ///
    /// [`NameError`], with the form that works where one can be told: for `::Facts::EventsConsumer`,
    /// `videos/details_controller` and names that Rust or Windows cannot hold as a module or a file.
    pub fn parse(text: &str, role: Role) -> Result<Self, NameError> {
        Self::strict(text, role).map_err(|why| NameError {
            instead: repairs(text, role, &why).into_iter().find(|form| Self::strict(form, role).is_ok()),
            ..why.of(text)
        })
    }

    /// The constant that `karafka generate ROLE text` means: a controller's or a worker's suffix is added if it is
    /// not there. `Videos::Details` is the controller `Videos::DetailsController`.
    ///
    /// # Errors
    ///
    /// As [`Constant::parse`].
    pub fn complete(text: &str, role: Role) -> Result<Self, NameError> {
        let suffix = match role {
            Role::Controller if text.ends_with("Controller") || text.ends_with("Consumer") => "",
            Role::Controller => "Controller",
            Role::Worker if text.ends_with("Worker") => "",
            Role::Worker => "Worker",
            Role::Parser | Role::Interchanger => "",
        };
        Self::parse(&format!("{text}{suffix}"), role)
    }

    /// As the manifest writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// What it stands for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.0.role
    }

    /// The type, such as `DetailsController`.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.0.type_name
    }

    /// The modules between the role's folder and the type, such as `["videos"]`.
    #[must_use]
    pub fn modules(&self) -> &[String] {
        &self.0.modules
    }

    /// The module of the type's own file, such as `details_controller`.
    #[must_use]
    pub fn file_module(&self) -> String {
        self.0.file_module.clone()
    }

    /// The path in Rust, such as `crate::controllers::videos::DetailsController`.
    #[must_use]
    pub fn rust_path(&self) -> String {
        let mut path = String::with_capacity(96);
        path.push_str("crate::");
        path.push_str(self.0.role.folder());
        for segment in self.0.modules.iter().chain([&self.0.type_name]) {
            path.push_str("::");
            path.push_str(segment);
        }
        path
    }

    /// The file, such as `src/controllers/videos/details_controller.rs`.
    #[must_use]
    pub fn file(&self) -> String {
        let mut path = String::with_capacity(96);
        path.push_str("src/");
        path.push_str(self.0.role.folder());
        for segment in self.0.modules.iter().chain([&self.0.file_module]) {
            path.push('/');
            path.push_str(segment);
        }
        path.push_str(".rs");
        path
    }

    /// One word for the whole constant, such as `videos_details_controller`: the name of a controller's test.
    #[must_use]
    pub fn flat_name(&self) -> String {
        let mut name = self.0.modules.join("_");
        if !name.is_empty() {
            name.push('_');
        }
        name + &self.0.file_module
    }

    /// The worker of a controller whose manifest names none: same namespace, a trailing `Controller` or `Consumer`
    /// becomes `Worker`, anything else gets it appended. `Payments::Consumer` gives `Payments::Worker`.
    #[must_use]
    pub fn derived_worker(&self) -> Self {
        let namespace = self.0.text.rsplit_once("::").map_or("", |(namespace, _)| namespace);
        // `Controllers::` stands for a folder that the worker is not in.
        let namespace = match namespace.strip_prefix(self.0.role.prefix()) {
            Some("") => "",
            Some(rest) if rest.starts_with("::") => &rest[2..],
            _ => namespace,
        };
        let type_name = format!("{}Worker", self.stem());
        let text = if namespace.is_empty() { type_name.clone() } else { format!("{namespace}::{type_name}") };
        let file_module = snake(&type_name);
        Self(Arc::new(Parts { text, role: Role::Worker, modules: self.0.modules.clone(), type_name, file_module }))
    }

    /// The topic that `karafka generate controller` takes when no other is named: `videos_details` for
    /// `Videos::DetailsController`, `payments` for `Payments::Consumer`.
    #[must_use]
    pub fn default_topic(&self) -> String {
        let mut words = self.0.modules.clone();
        words.extend(Some(snake(self.stem())).filter(|stem| !stem.is_empty()));
        if words.is_empty() { self.file_module() } else { words.join("_") }
    }

    /// The type's name without a controller's suffix.
    fn stem(&self) -> &str {
        let name = self.0.type_name.as_str();
        name.strip_suffix("Controller").or_else(|| name.strip_suffix("Consumer")).unwrap_or(name)
    }

    fn strict(text: &str, role: Role) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::Empty);
        }
        letters::ascii(text)?;
        if text.starts_with("::") {
            return Err(Refusal::LeadingColons);
        }
        let mut segments = Vec::new();
        for segment in text.split("::") {
            check_segment(segment)?;
            segments.push(segment);
        }
        let type_name = segments.pop().ok_or(Refusal::Empty)?;
        if segments.first() == Some(&role.prefix()) {
            segments.remove(0);
        }
        let modules: Vec<String> = segments.into_iter().map(snake).collect();
        let file_module = snake(type_name);
        for module in modules.iter().chain([&file_module]) {
            check_module(module)?;
        }
        let path: Vec<&str> =
            [role.folder()].into_iter().chain(modules.iter().chain([&file_module]).map(String::as_str)).collect();
        if let Some(pair) = path.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Refusal::ModuleInItself { module: pair[0].to_owned() });
        }
        let parts = Parts { text: text.to_owned(), role, modules, type_name: type_name.to_owned(), file_module };
        let constant = Self(Arc::new(parts));
        let length = constant.longest_file();
        if length > FILE_LIMIT {
            return Err(Refusal::LongFile { length, limit: FILE_LIMIT });
        }
        Ok(constant)
    }

    /// The length of the longest name among its files and folders.
    fn longest_file(&self) -> usize {
        if self.0.role == Role::Controller {
            // Its test's name holds all others.
            return self.flat_name().len();
        }
        self.0.modules.iter().chain([&self.0.file_module]).map(String::len).max().unwrap_or(0)
    }
}

impl fmt::Debug for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({})", self.0.role, self.0.text)
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

fn check_segment(segment: &str) -> Result<(), Refusal> {
    if segment.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_') || segment.is_empty() {
        return Err(Refusal::NotAConstant);
    }
    if segment.contains('_') {
        return Err(Refusal::Underscore);
    }
    if !segment.starts_with(|c: char| c.is_ascii_uppercase()) {
        return Err(Refusal::NotCapital { part: segment.to_owned() });
    }
    Ok(())
}

fn check_module(module: &str) -> Result<(), Refusal> {
    if reserved::is_keyword(module) {
        return Err(Refusal::Keyword { module: module.to_owned() });
    }
    if reserved::is_device(module) {
        return Err(Refusal::Device { file: module.to_owned() });
    }
    Ok(())
}

/// Forms that might have been meant, the likeliest first.
fn repairs(text: &str, role: Role, why: &Refusal) -> Vec<String> {
    let Some(text) = letters::plain(text) else { return Vec::new() };
    let segments: Vec<String> =
        text.split([':', '/', '.', '\\', ' ']).map(join_capitalized).filter(|segment| !segment.is_empty()).collect();
    let Some((last, namespaces)) = segments.split_last() else { return Vec::new() };
    let whole = |namespaces: &[String], last: &str| [namespaces, &[last.to_owned()]].concat().join("::");
    let mut forms = vec![whole(namespaces, last)];
    if matches!(why, Refusal::Keyword { .. }) {
        // `Type::LoopController`: the namespace in the plural, as Rails would write it.
        let plural = |word: &String| if reserved::is_keyword(&snake(word)) { plural(word) } else { word.clone() };
        forms.push(whole(&namespaces.iter().map(plural).collect::<Vec<_>>(), last));
    }
    if let Refusal::ModuleInItself { .. } = why {
        // `Videos::Videos::ListController`: one of the two is enough. `Videos::Videos`: with its role behind it.
        let mut once = namespaces.to_vec();
        once.dedup();
        forms.push(whole(&once, last));
        forms.push(whole(&once, &format!("{last}{}", role.word())));
    }
    if let Role::Parser | Role::Interchanger = role {
        // `Parsers::Loop`: with its role behind it, as controllers and workers have it.
        forms.push(whole(namespaces, &format!("{last}{}", role.word())));
    }
    forms
}

fn plural(word: &str) -> String {
    let hissing = ["ch", "x"].iter().any(|ending| word.ends_with(ending));
    format!("{word}{}", if hissing { "es" } else { "s" })
}
