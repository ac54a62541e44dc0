//! The commands of a Markdown page: what stands in its fenced `sh` and `console` blocks.

/// A command that the page tells its reader to type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The line on which it starts, counted from 1.
    pub line: usize,
    /// Its text, continued lines joined and without a prompt or trailing comment.
    pub text: String,
}

/// The commands of `page`, in their order.
///
/// In a `sh` block every line that is no comment is one. In a `console` block those after `$ ` are; the rest shows
/// what they print.
#[must_use]
pub fn commands(page: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut block = None;
    let mut lines = page.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let trimmed = line.trim();
        if let Some(language) = trimmed.strip_prefix("```") {
            block = if block.is_some() { None } else { Some(language.split_whitespace().next().unwrap_or_default()) };
            continue;
        }
        let typed = match block {
            Some("sh" | "bash" | "shell") => Some(trimmed),
            Some("console") => trimmed.strip_prefix("$ "),
            _ => None,
        };
        let Some(typed) = typed else { continue };
        let mut text = without_comment(typed).to_owned();
        while text.ends_with('\\') {
            text.pop();
            let next = lines.next().map_or("", |(_, line)| without_comment(line.trim()));
            text = format!("{} {next}", text.trim_end());
        }
        if !text.is_empty() {
            commands.push(Command { line: index + 1, text });
        }
    }
    commands
}

/// A command without the comment behind it. A `#` inside a word is no comment to a shell, nor to us.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices('#').find(|(at, _)| *at == 0 || line[..*at].ends_with(char::is_whitespace));
    comment.map_or(line, |(at, _)| &line[..at]).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a command of the README is not run and rots unseen.
    #[test]
    fn every_command_is_found_and_no_output() {
        let page = "\
# Title
```sh
cd karafka   # into it
# a comment
cargo run -- new \\
    myapp
```
Text with `cargo nothing`.
```console
$ karafka flow
orders ⇒ (nobody here)
```
```rust
fn main() {}
```
";
        let found: Vec<_> = commands(page).into_iter().map(|command| (command.line, command.text)).collect();
        let expected = [(3, "cd karafka"), (5, "cargo run -- new myapp"), (10, "karafka flow")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
    }
}
