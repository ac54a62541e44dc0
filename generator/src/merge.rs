//! Merges that nobody has settled yet: git leaves both sides in a file, and lines of its own around them.

use crate::source::Span;

/// How often git repeats a marker's character.
const LENGTH: usize = 7;

/// The first marker of a merge that is not settled: `<<<<<<< HEAD`, or `>>>>>>> branch` where the first one has been taken out
/// and that one was forgotten.
///
/// `=======` and `|||||||` mark nothing by themselves: lines of them stand in YAML, in Markdown and in comments.
#[must_use]
pub fn unsettled(text: &str) -> Option<Span> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let marker = line.trim_end_matches(['\r', '\n']);
        if ['<', '>'].into_iter().any(|character| is_marker(marker, character)) {
            return Some(Span::new(start, start + marker.len()));
        }
        start += line.len();
    }
    None
}

/// Whether a line is the character as often as git repeats it, and then nothing, or a blank and a name.
fn is_marker(line: &str, character: char) -> bool {
    let rest = line.trim_start_matches(character);
    line.len() - rest.len() == LENGTH && (rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a merge that is not settled is told as a mistake in the file, or a file that is right as a merge.
    #[test]
    fn a_merge_is_told_from_lines_that_look_alike() {
        for (text, marker) in [
            ("a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> theirs\n", "<<<<<<< HEAD"),
            ("a\r\n<<<<<<< HEAD\r\nb\r\n=======\r\nc\r\n>>>>>>> theirs\r\n", "<<<<<<< HEAD"),
            ("<<<<<<< ours\nb\n||||||| base\nx\n=======\nc\n>>>>>>> theirs", "<<<<<<< ours"),
            ("<<<<<<<\nb\n=======\nc\n>>>>>>>\n", "<<<<<<<"),
            (
                "<<<<<<< Conflict 1 of 1\n%%%%%%% Changes\n+++++++ Contents\n>>>>>>> Conflict 1 of 1 ends\n",
                "<<<<<<< Conflict 1 of 1",
            ),
            ("a: b\nc: d\n>>>>>>> 1a2b3c (Add a topic)\n", ">>>>>>> 1a2b3c (Add a topic)"),
        ] {
            assert_eq!(unsettled(text).map(|span| &text[span.start..span.end]), Some(marker), "{text}");
        }
        for text in [
            "",
            "A heading\n=======\n",
            "# =======\na: |\n  =======\n  <<<<<<< HEAD\n",
            "|||||||\n||||||| a | b |\n",
            "<<<<<<<< HEAD\n",
            "<<<<<< HEAD\n",
            "<<<<<<<HEAD\n",
            "a: <<<<<<< HEAD\n",
            ">>>>>>>> quoted eight times\n",
            "//! <<<<<<< HEAD\n",
        ] {
            assert_eq!(unsettled(text), None, "{text}");
        }
    }
}
