//! The environment that a process under test starts with.

use std::process::Command;

/// Takes away what would make an app behave differently here than for its user: settings of the developer's own
/// shell, and what `cargo test` says of the package whose test runs.
pub fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let settings = text.starts_with("KARAFKA_") || text.starts_with("KAFKA_");
        let package = text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_");
        if settings || package || matches!(&*text, "CARGO_PRIMARY_PACKAGE" | "NO_COLOR" | "REDIS_URL") {
            command.env_remove(name);
        }
    }
    command
}
