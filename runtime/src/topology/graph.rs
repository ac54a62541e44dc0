//! `flow` for programs that draw: mermaid and dot.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{Consumer, Topology};

/// A way from one node to another, by their names in the graph.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Edge<'a> {
    from: String,
    to: String,
    /// The queue that it goes through.
    queue: Option<&'a str>,
}

impl Topology {
    /// The flow as a mermaid flowchart: topics round, controllers square, topics that nobody here consumes dashed, and
    /// so is the way of dead letters. The way through a queue bears its name.
    #[must_use]
    pub fn flow_mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_owned();
        for (id, topic) in self.topics.iter().enumerate() {
            let elsewhere = if self.is_elsewhere(&topic.key) { ":::elsewhere" } else { "" };
            let _ = writeln!(text, "  t{id}([\"{}\"]){elsewhere}", mermaid(&topic.key));
        }
        for (id, controller) in self.controllers().iter().enumerate() {
            let _ = writeln!(text, "  c{id}[\"{}\"]", mermaid(controller));
        }
        for Edge { from, to, queue } in self.edges() {
            let queue = queue.map(|queue| format!("|\"queue {}\"|", mermaid(queue))).unwrap_or_default();
            let _ = writeln!(text, "  {from} -->{queue} {to}");
        }
        for Edge { from, to, .. } in self.dead_letter_edges() {
            let _ = writeln!(text, "  {from} -. dead letters .-> {to}");
        }
        text.push_str("  classDef elsewhere stroke-dasharray: 4\n");
        text
    }

    /// The flow in Graphviz's language: topics round, controllers square, topics that nobody here consumes
    /// dashed, and so is the way of dead letters. The way through a queue bears its name.
    #[must_use]
    pub fn flow_dot(&self) -> String {
        let mut text = format!("digraph {} {{\n  rankdir=LR\n", dot(&self.app));
        for (id, topic) in self.topics.iter().enumerate() {
            let style = if self.is_elsewhere(&topic.key) { ", style=dashed" } else { "" };
            let _ = writeln!(text, "  t{id} [label={}, shape=ellipse{style}]", dot(&topic.key));
        }
        for (id, controller) in self.controllers().iter().enumerate() {
            let _ = writeln!(text, "  c{id} [label={}, shape=box]", dot(controller));
        }
        for Edge { from, to, queue } in self.edges() {
            let queue = queue.map(|queue| format!(" [label={}]", dot(&format!("queue {queue}")))).unwrap_or_default();
            let _ = writeln!(text, "  {from} -> {to}{queue}");
        }
        for Edge { from, to, .. } in self.dead_letter_edges() {
            let _ = writeln!(text, "  {from} -> {to} [label=\"dead letters\", style=dashed]");
        }
        text.push_str("}\n");
        text
    }

    fn is_elsewhere(&self, topic: &str) -> bool {
        self.consumers_of(topic).next().is_none()
    }

    fn controllers(&self) -> Vec<&str> {
        let mut controllers: Vec<&str> = self.consumers.iter().map(|consumer| consumer.controller.as_str()).collect();
        controllers.sort_unstable();
        controllers.dedup();
        controllers
    }

    /// The ways of records, in order, each once.
    fn edges(&self) -> Vec<Edge<'_>> {
        let controllers = self.controllers();
        let controller_id = |name: &str| controllers.binary_search(&name).ok().map(|id| format!("c{id}"));
        let topic_id = |key: &str| self.topics.iter().position(|topic| topic.key == key).map(|id| format!("t{id}"));
        let mut edges = Vec::new();
        for consumer in &self.consumers {
            let controller = controller_id(&consumer.controller);
            let edge = |(from, to), queue| Edge { from, to, queue };
            let queue = consumer.queue.as_deref();
            edges.extend(topic_id(&consumer.topic).zip(controller.clone()).map(|ends| edge(ends, queue)));
            for emitted in &consumer.emits {
                edges.extend(controller.clone().zip(topic_id(emitted)).map(|ends| edge(ends, None)));
            }
        }
        once(edges)
    }

    /// The same from controllers to dead letter topics.
    fn dead_letter_edges(&self) -> Vec<Edge<'_>> {
        let controllers = self.controllers();
        let edge = |consumer: &Consumer| {
            let dead_letter = consumer.dead_letter.as_deref()?;
            let from = controllers.binary_search(&consumer.controller.as_str()).ok()?;
            let to = self.topics.iter().position(|topic| topic.key == dead_letter)?;
            Some(Edge { from: format!("c{from}"), to: format!("t{to}"), queue: None })
        };
        once(self.consumers.iter().filter_map(edge).collect())
    }
}

fn once(mut edges: Vec<Edge<'_>>) -> Vec<Edge<'_>> {
    let mut seen = BTreeSet::new();
    edges.retain(|edge| seen.insert(edge.clone()));
    edges
}

/// A text between mermaid's quotes: its own escapes, and nothing that it would take for HTML.
fn mermaid(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '#' | '"' | '<' | '>' | '&' | '`' | '\n' | '\r' => {
                let _ = write!(escaped, "#{};", u32::from(character));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A quoted text of Graphviz.
fn dot(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
