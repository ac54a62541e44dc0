//! How a stub names what is not its own: by a `use`, or by a path where the manifest has given that name away.
//!
//! Whatever a stub needs is imported by name, so that no message which the manifest gains later can come between.

use std::collections::BTreeMap;

use super::Payload;

/// What has a name in a stub.
#[derive(Debug)]
pub(super) struct Imports {
    /// The path of each name; that of the stub's own type is empty.
    taken: BTreeMap<String, String>,
}

impl Imports {
    /// The imports of a file that defines the type `own`.
    pub(super) fn beside(own: &str) -> Self {
        Self { taken: BTreeMap::from([(own.to_owned(), String::new())]) }
    }

    /// What to write for the item at `path`: its name, which is imported from here on, or the path if the name is
    /// taken.
    pub(super) fn name(&mut self, path: &str) -> String {
        let name = path.rsplit("::").next().unwrap_or(path);
        match self.taken.get(name) {
            Some(known) if known == path => name.to_owned(),
            Some(_) => path.to_owned(),
            None => {
                self.taken.insert(name.to_owned(), path.to_owned());
                name.to_owned()
            }
        }
    }

    /// Whether the item at `path` has its name here: a trait must have one for its methods to be called as such.
    pub(super) fn has(&self, path: &str) -> bool {
        self.taken.values().any(|known| known == path)
    }

    /// What to write for a payload. `alone`: it is the only one, so that a message is imported by itself.
    pub(super) fn payload(&mut self, payload: &Payload, alone: bool) -> String {
        match payload {
            Payload::Message(name) if alone => self.name(&format!("crate::generated::messages::{name}")),
            Payload::Message(name) => {
                self.name("crate::generated::messages");
                format!("messages::{name}")
            }
            Payload::Json => self.name("karafka::types::Json"),
            Payload::Bytes => self.name("karafka::types::Bytes"),
            Payload::Text => self.name("std::string::String"),
        }
    }

    /// The `use` items, as rustfmt leaves them: those of the runtime, then the app's own.
    pub(super) fn text(&self) -> String {
        let mut runtime: Vec<&str> = self.taken.values().filter_map(|path| path.strip_prefix("karafka::")).collect();
        // Modules come behind types.
        runtime.sort_by_key(|path| (path.contains("::"), *path));
        let mut own: Vec<&String> = self.taken.values().filter(|path| path.starts_with("crate::")).collect();
        own.sort();
        let mut text = match runtime.as_slice() {
            [one] => format!("use karafka::{one};\n"),
            many => format!("use karafka::{{{}}};\n", many.join(", ")),
        };
        if !own.is_empty() {
            text.push('\n');
        }
        for path in own {
            text.push_str(&format!("use {path};\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a controller or message that is called like something of the runtime's or of Rust's breaks the
    /// stub that uses both.
    #[test]
    fn a_name_that_is_taken_is_written_as_a_path() {
        let mut imports = Imports::beside("Controller");
        assert_eq!(imports.payload(&Payload::Message("Result".to_owned()), true), "Result");
        assert_eq!(imports.name("karafka::Controller"), "karafka::Controller");
        assert_eq!(imports.name("karafka::Result"), "karafka::Result");
        assert_eq!(imports.name("karafka::Context"), "Context");
        assert_eq!(imports.name("karafka::types::Json"), "Json");
        assert_eq!(imports.name("std::string::String"), "String");
        assert!(imports.has("karafka::Context") && !imports.has("karafka::Controller"));
        let text = "use karafka::{Context, types::Json};\n\nuse crate::generated::messages::Result;\n";
        assert_eq!(imports.text(), text);
    }
}
