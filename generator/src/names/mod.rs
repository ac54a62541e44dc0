//! From the manifest's names to Rust paths and files.

use heck::ToSnakeCase;

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
}

/// A name such as `Videos::DetailsController`, checked, with the role that it was written for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Constant {
    text: String,
    role: Role,
    /// Snake-cased, without a first segment that names the role's own folder.
    modules: Vec<String>,
    type_name: String,
}

impl Constant {
    /// As the manifest writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it stands for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The type, such as `DetailsController`.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The modules between the role's folder and the type, such as `["videos"]`.
    #[must_use]
    pub fn modules(&self) -> &[String] {
        &self.modules
    }

    /// The module of the type's own file, such as `details_controller`.
    #[must_use]
    pub fn file_module(&self) -> String {
        self.type_name.to_snake_case()
    }

    /// The path in Rust, such as `crate::controllers::videos::DetailsController`.
    #[must_use]
    pub fn rust_path(&self) -> String {
        let mut path = format!("crate::{}", self.role.folder());
        for module in &self.modules {
            path.push_str("::");
            path.push_str(module);
        }
        format!("{path}::{}", self.type_name)
    }

    /// The file, such as `src/controllers/videos/details_controller.rs`.
    #[must_use]
    pub fn file(&self) -> String {
        let mut path = format!("src/{}", self.role.folder());
        for module in &self.modules {
            path.push('/');
            path.push_str(module);
        }
        format!("{path}/{}.rs", self.file_module())
    }
}
