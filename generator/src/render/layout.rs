//! Keeps rendered Rust as rustfmt would leave it, without running rustfmt.
//!
//! Templates write every item in the form that rustfmt gives it when its lines fit into 100 columns, and put a line
//! `@item` before those whose lines grow with the manifest's names. Where a line does not fit, the item gets
//! `#[rustfmt::skip]`: how rustfmt breaks lines differs from one version to the next, and the manifest must not.

/// rustfmt's `max_width`, by default.
const WIDTH: usize = 100;

/// rustfmt's `attr_fn_like_width`, by default.
const ATTRIBUTE_WIDTH: usize = 70;

/// Stands on a line of its own.
const MARK: &str = "@item\n";

/// Replaces each `@item` line with nothing, or with `#[rustfmt::skip]`.
#[must_use]
pub(super) fn settle(text: String) -> String {
    if split_at_mark(&text).is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, indent, after)) = split_at_mark(rest) {
        out.push_str(before);
        if item(indent, after).any(is_wide) {
            out.push_str(indent);
            out.push_str("#[rustfmt::skip]\n");
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The text before the next line that is a mark, the mark's indentation, and the text after it.
fn split_at_mark(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find('@')?;
        // A manifest's text can hold the word too, but never on a line of its own: it stands in quotes there.
        if let Some(after) = text[at..].strip_prefix(MARK) {
            let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let indent = &text[line_start..at];
            if indent.trim_start().is_empty() {
                return Some((&text[..line_start], indent, after));
            }
        }
        from = at + 1;
    }
}

/// The lines of the item that `text` begins with: up to one that closes it, at the same indentation.
fn item<'t>(indent: &'t str, text: &'t str) -> impl Iterator<Item = &'t str> {
    let mut open = true;
    text.lines().take_while(move |line| {
        let inside = open;
        if let Some(code) = line.strip_prefix(indent) {
            open = inside && !(code == "}" || !code.starts_with([' ', '/', '#']) && code.ends_with(['}', ';']));
        }
        inside
    })
}

fn is_wide(line: &str) -> bool {
    // Bytes, not columns: never less than the width.
    if line.len() <= ATTRIBUTE_WIDTH {
        return false;
    }
    let code = line.trim_start();
    if code.starts_with("//") {
        return false;
    }
    line.len() > WIDTH || (code.starts_with("#[serde(") && code.len() > ATTRIBUTE_WIDTH)
}

/// The head of a method with these parameters, on one line or, when it would not fit, a line a parameter.
#[must_use]
pub(super) fn method(name: &str, parameters: &[&str], result: &str) -> String {
    let line = format!("    {name}({}) -> {result} {{", parameters.join(", "));
    if line.len() <= WIDTH {
        return line;
    }
    let parameters: String = parameters.iter().map(|parameter| format!("        {parameter},\n")).collect();
    format!("    {name}(\n{parameters}    ) -> {result} {{")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, `cargo fmt` changes generated files, and `karafka check` then calls them edited.
    #[test]
    fn only_an_item_that_is_too_wide_is_kept_from_rustfmt() {
        let wide = "x".repeat(101);
        let text = format!("a\n\n@item\nfn b() {{}}\n\n    @item\n    fn {wide}() {{}}\n");
        assert_eq!(settle(text), format!("a\n\nfn b() {{}}\n\n    #[rustfmt::skip]\n    fn {wide}() {{}}\n"));
    }

    /// If this fails, a text of the manifest that looks like a mark changes the code around it.
    #[test]
    fn a_mark_inside_a_line_is_text() {
        assert_eq!(settle("const A: &str = \"@item\";\n".to_owned()), "const A: &str = \"@item\";\n");
    }

    #[test]
    fn a_method_breaks_where_rustfmt_breaks_it() {
        let parameters = ["&self", "message: &Message<Order>"];
        assert_eq!(
            method("async fn perform", &parameters, "Result"),
            "    async fn perform(&self, message: &Message<Order>) -> Result {"
        );
        let long = format!("message: &Message<{}>", "A".repeat(50));
        assert_eq!(
            method("async fn perform", &["&self", &long], "Result"),
            format!("    async fn perform(\n        &self,\n        {long},\n    ) -> Result {{")
        );
    }
}
