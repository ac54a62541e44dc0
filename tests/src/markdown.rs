//! A page of Markdown: its headings, links, words in backquotes and fenced blocks, with their lines.
//!
//! As much of CommonMark as our pages use. What a page has in a fence is no heading and no link.

use std::collections::{BTreeMap, BTreeSet};

/// A page that was read.
#[derive(Debug, Clone)]
pub struct Page {
    /// What it is called in messages, and by links: its path.
    pub name: String,
    /// Its headings, in their order.
    pub headings: Vec<Heading>,
    /// Its links, images among them.
    pub links: Vec<Link>,
    /// What stands in backquotes outside of fences.
    pub spans: Vec<Span>,
    /// Its fenced blocks.
    pub blocks: Vec<Block>,
    /// Its lines outside of fences.
    pub prose: Vec<(usize, String)>,
}

/// A heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Its line, from 1.
    pub line: usize,
    /// The number of its `#`.
    pub level: usize,
    /// Its text, with its markup.
    pub text: String,
    /// By what a link names it: unique on its page.
    pub anchor: String,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its line, from 1.
    pub line: usize,
    /// Where it leads: what stands in its parentheses.
    pub target: String,
}

/// Words in backquotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The line on which they begin, from 1.
    pub line: usize,
    /// The words.
    pub text: String,
}

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    /// The words behind the fence: the language, and what we have to say of it.
    pub info: Vec<String>,
    /// Its text, without the fences.
    pub text: String,
    /// The line before it, where that is an HTML comment: what the comment says.
    pub comment: Option<String>,
}

impl Block {
    /// Its language; empty if none is named.
    #[must_use]
    pub fn language(&self) -> &str {
        self.info.first().map_or("", String::as_str)
    }

    /// Whether `word` stands behind its language.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.info.iter().skip(1).any(|known| known == word)
    }

    /// The value of `key=value` behind its language.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.info.iter().skip(1).find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
}

impl Page {
    /// Reads a page.
    #[must_use]
    pub fn read(name: &str, text: &str) -> Self {
        let mut page = Self {
            name: name.to_owned(),
            headings: Vec::new(),
            links: Vec::new(),
            spans: Vec::new(),
            blocks: Vec::new(),
            prose: Vec::new(),
        };
        let mut anchors = BTreeMap::new();
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let mut before = "";
        while let Some((number, line)) = lines.next() {
            if let Some(info) = line.trim_start().strip_prefix("```") {
                let indent = line.len() - line.trim_start().len();
                let body = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
                let body: Vec<_> = body.map(|line| line.get(indent..).unwrap_or_default()).collect();
                let comment = before.trim().strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->"));
                page.blocks.push(Block {
                    line: number,
                    info: info.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
                    text: body.iter().map(|line| format!("{line}\n")).collect(),
                    comment: comment.map(|words| words.trim().to_owned()),
                });
                before = "";
                continue;
            }
            before = line;
            page.prose.push((number, line.to_owned()));
            let rest = line.trim_start_matches('#');
            let level = line.len() - rest.len();
            if let Some(text) = rest.strip_prefix(' ').filter(|_| level > 0) {
                let anchor = slug(text);
                let times = anchors.entry(anchor.clone()).or_insert(0);
                let unique = if *times == 0 { anchor } else { format!("{anchor}-{times}") };
                *times += 1;
                page.headings.push(Heading { line: number, level, text: text.trim().to_owned(), anchor: unique });
            }
        }
        page.read_inline();
        page
    }

    /// Words in backquotes, and links. Both may go over the end of a line, but not over a blank one.
    fn read_inline(&mut self) {
        let mut paragraphs: Vec<Vec<(usize, &str)>> = vec![Vec::new()];
        for (number, line) in &self.prose {
            let follows = paragraphs.last().and_then(|lines| lines.last()).is_none_or(|(last, _)| last + 1 == *number);
            if line.trim().is_empty() || !follows {
                paragraphs.push(Vec::new());
            }
            if let Some(lines) = paragraphs.last_mut().filter(|_| !line.trim().is_empty()) {
                lines.push((*number, line));
            }
        }
        for lines in paragraphs {
            let text = lines.iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n");
            let line = |at: usize| lines.first().map_or(0, |(first, _)| first + text[..at].matches('\n').count());
            let (spans, without) = code_spans(&text);
            self.spans.extend(spans.into_iter().map(|(at, words)| Span { line: line(at), text: words }));
            let targets = without.match_indices("](").filter_map(|(at, mark)| {
                let target = without[at + mark.len()..].split(')').next()?;
                Some(Link { line: line(at), target: target.trim().to_owned() })
            });
            self.links.extend(targets);
        }
    }

    /// The names by which a link can reach a place of it.
    #[must_use]
    pub fn anchors(&self) -> BTreeSet<&str> {
        self.headings.iter().map(|heading| heading.anchor.as_str()).collect()
    }

    /// The line of the next heading behind a line, of whatever level.
    #[must_use]
    pub fn next_heading(&self, line: usize) -> usize {
        self.headings.iter().map(|heading| heading.line).find(|next| *next > line).unwrap_or(usize::MAX)
    }

    /// The first cells of the tables between two lines, without their backquotes.
    #[must_use]
    pub fn first_cells(&self, (from, to): (usize, usize)) -> Vec<(usize, String)> {
        let rows = self.prose.iter().filter(|(line, text)| (from..to).contains(line) && text.starts_with("| "));
        let cells = rows.filter_map(|(line, text)| Some((*line, text[2..].split(" | ").next()?.trim().to_owned())));
        cells.filter(|(_, cell)| !cell.starts_with("---")).collect()
    }
}

/// Words in backquotes with where they begin, and the text with blanks in their place.
fn code_spans(text: &str) -> (Vec<(usize, String)>, String) {
    let (mut spans, mut without) = (Vec::new(), String::new());
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let begin = at + found;
        let ticks = text[begin..].len() - text[begin..].trim_start_matches('`').len();
        let inside = begin + ticks;
        let fence = &text[begin..inside];
        let end = text[inside..].match_indices(fence).map(|(place, _)| inside + place);
        // A longer run of backquotes ends no shorter one.
        let end = end.into_iter().find(|&end| !text[..end].ends_with('`') && !text[end + ticks..].starts_with('`'));
        without.push_str(&text[at..begin]);
        let Some(end) = end else {
            without.push_str(fence);
            at = inside;
            continue;
        };
        let words = text[inside..end].replace('\n', " ");
        let is_padded = ticks > 1 && words.starts_with(' ') && words.ends_with(' ');
        spans.push((begin, if is_padded { words.trim().to_owned() } else { words }));
        // As many bytes, so that places in it are those of the text.
        without.extend(text[begin..end + ticks].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        at = end + ticks;
    }
    without.push_str(&text[at..]);
    (spans, without)
}

/// What GitHub and mdBook make of a heading's text: letters and digits, `-` and `_`; blanks become `-`.
#[must_use]
pub fn slug(heading: &str) -> String {
    let text = heading.trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, links of the book are taken for right that lead nowhere, or examples are not looked at.
    #[test]
    fn a_page_is_read_as_its_readers_see_it() {
        let page = Page::read(
            "a.md",
            "# The `first` page\n\nSee [`b`](b.md#c), `[no](link)`,\nand [over\na line](d.md).\n\n```sh fast\n# none\n[no](e.md)\n```\n\n<!-- why -->\n```rust,ignore\nfn f() {}\n```\n## Twice\n## Twice\n| `a b` | c |\n| --- | --- |\n| d | `e` |\n",
        );
        let anchors: Vec<_> = page.headings.iter().map(|heading| heading.anchor.as_str()).collect();
        assert_eq!(anchors, ["the-first-page", "twice", "twice-1"]);
        let links: Vec<_> = page.links.iter().map(|link| (link.line, link.target.as_str())).collect();
        assert_eq!(links, [(3, "b.md#c"), (5, "d.md")]);
        let spans: Vec<_> = page.spans.iter().map(|span| (span.line, span.text.as_str())).collect();
        assert_eq!(spans, [(1, "first"), (3, "b"), (3, "[no](link)"), (18, "a b"), (20, "e")]);
        assert_eq!((page.blocks[0].language(), page.blocks[0].has("fast")), ("sh", true));
        assert_eq!((page.blocks[0].line, page.blocks[0].text.as_str()), (7, "# none\n[no](e.md)\n"));
        assert_eq!((page.blocks[1].has("ignore"), page.blocks[1].comment.as_deref()), (true, Some("why")));
        let cells: Vec<_> = page.first_cells((1, 99)).into_iter().map(|(_, cell)| cell).collect();
        assert_eq!(cells, ["`a b`", "d"]);
    }
}
