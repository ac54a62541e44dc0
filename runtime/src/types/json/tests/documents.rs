//! Random JSON documents, as text.

use proptest::prelude::*;

/// The name of the field by which serde_json hands over a `RawValue`: hostile where it stands in a document.
pub(crate) const NAME: &str = "$serde_json::private::RawValue";

/// A document that remembers how each of its parts is written.
#[derive(Debug, Clone)]
pub(crate) enum Document {
    /// A number, a word, or a text with its quotes.
    Token(String),
    List(Vec<Document>),
    /// Names are unique.
    Object(Vec<(String, Document)>),
}

impl Document {
    /// The document without blanks.
    pub(crate) fn text(&self) -> String {
        self.with(&mut || "")
    }

    /// The document with what `blank` returns wherever a blank may stand.
    pub(crate) fn with<'b>(&self, blank: &mut impl FnMut() -> &'b str) -> String {
        let mut text = String::new();
        self.write(&mut text, blank);
        text
    }

    fn write<'b>(&self, text: &mut String, blank: &mut impl FnMut() -> &'b str) {
        text.push_str(blank());
        match self {
            Self::Token(token) => text.push_str(token),
            Self::List(items) => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    item.write(text, blank);
                }
                text.push_str(blank());
                text.push(']');
            }
            Self::Object(fields) => {
                text.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    text.push_str(blank());
                    text.push_str(&quoted(name));
                    text.push_str(blank());
                    text.push(':');
                    value.write(text, blank);
                }
                text.push_str(blank());
                text.push('}');
            }
        }
        text.push_str(blank());
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text")
}

/// The text of any JSON number.
pub(crate) fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?",
        prop::sample::select(vec![
            "1.10",
            "-0",
            "-0.0",
            "1e400",
            "0.1e-7",
            "1E+2",
            "12345678901234567890123",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-9223372036854775809",
            "100000000000000000000000000000000000000000.5",
        ])
        .prop_map(str::to_owned),
    ]
}

/// Any document.
pub(crate) fn document() -> impl Strategy<Value = Document> {
    let leaf = prop_oneof![
        4 => number(),
        1 => prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned),
        2 => any::<String>().prop_map(|text| quoted(&text)),
    ];
    leaf.prop_map(Document::Token).prop_recursive(5, 40, 6, |inner| {
        let names = prop_oneof![6 => any::<String>(), 6 => "[a-c]", 1 => Just(NAME.to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Document::List),
            prop::collection::btree_map(names, inner, 0..6)
                .prop_map(|fields| fields.into_iter().collect::<Vec<_>>())
                .prop_shuffle()
                .prop_map(Document::Object),
        ]
    })
}
