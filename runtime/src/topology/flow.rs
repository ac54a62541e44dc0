//! `flow` for a person, and as JSON.

use serde_json::json;

use super::{Topology, table};
use crate::foreign;

impl Topology {
    /// The flow as a text: incoming ⇒ controller ⇒ outgoing, a row a consumer; topics with consumers first. A column
    /// says where records go that cannot be handled, and a queue stands before the controller whose jobs wait in it.
    #[must_use]
    pub fn flow_text(&self) -> String {
        let mut rows = Vec::new();
        let mut elsewhere = Vec::new();
        let only_sends = self.consumers.is_empty();
        for topic in &self.topics {
            let consumers: Vec<_> = self.consumers_of(&topic.key).collect();
            if consumers.is_empty() {
                let unused = !only_sends && self.senders_to(&topic.key).is_empty();
                let dead = self.dead_letters_in(&topic.key);
                let words = match (dead.as_slice(), unused) {
                    ([], true) => "(nobody here, and no controller here sends to it)".to_owned(),
                    ([], false) => "(nobody here)".to_owned(),
                    ([first, second, third, _, ..], _) => {
                        format!("(nobody here; dead letters of {first}, {second}, {third} and {} more)", dead.len() - 3)
                    }
                    (few, _) => format!("(nobody here; dead letters of {})", few.join(", ")),
                };
                elsewhere.push(vec![topic.key.clone(), format!("⇒ {words}")]);
            }
            for (index, consumer) in consumers.iter().enumerate() {
                let key = if index == 0 { topic.key.as_str() } else { "" };
                let group = if consumers.len() > 1 { format!(" [{}]", consumer.group) } else { String::new() };
                let emits = if consumer.emits.is_empty() { "(end)".to_owned() } else { consumer.emits.join(", ") };
                let queue = consumer.queue.as_ref().map(|queue| format!("⇒ queue {queue} ")).unwrap_or_default();
                let controller = format!("{queue}⇒ {}{group}", consumer.controller);
                let mut row = vec![key.to_owned(), controller, format!("⇒ {emits}")];
                row.extend(consumer.dead_letter.iter().map(|topic| format!("✗ {topic}")));
                rows.push(row);
            }
        }
        if rows.is_empty() && elsewhere.is_empty() {
            return format!("{}\n  (no topics yet: `karafka generate controller NAME` adds the first)\n", self.app);
        }
        // What nobody here consumes stands in the first column only, so that long remarks do not stretch the second.
        let width = |row: &Vec<String>| row[0].chars().count();
        let widest = rows.iter().chain(&elsewhere).map(width).max().unwrap_or(0);
        for row in rows.iter_mut().chain(&mut elsewhere) {
            row[0] = format!("{:widest$}", row[0]);
        }
        let mut legend = String::new();
        if only_sends {
            legend.push_str("  nothing is consumed here: programs send to these topics by `generated::producer`\n");
        }
        if self.consumers.iter().any(|consumer| consumer.queue.is_some()) {
            legend.push_str("  queue: jobs wait there, on Redis, for `karafka worker`\n");
        }
        if rows.iter().any(|row| row.len() > 3) {
            legend.push_str("  ✗ where records go that cannot be handled\n");
        }
        if !legend.is_empty() {
            legend.insert(0, '\n');
        }
        format!("{}\n{}{}{legend}", self.app, table(&rows, "  ", "   "), table(&elsewhere, "  ", "   "))
    }

    /// The flow as JSON.
    #[must_use]
    pub fn flow_json(&self) -> String {
        let topics = self.topics.iter().map(|topic| {
            let consumers = self.consumers_of(&topic.key).map(|consumer| {
                json!({
                    "controller": consumer.controller,
                    "group": consumer.group,
                    "group_id": consumer.group_id,
                    "queue": consumer.queue,
                    "emits": consumer.emits,
                    "dead_letter": consumer.dead_letter,
                })
            });
            json!({
                "topic": topic.key,
                "message": topic.message,
                "consumers": consumers.collect::<Vec<_>>(),
                "sent_by": self.senders_to(&topic.key),
                "dead_letters_of": self.dead_letters_in(&topic.key),
            })
        });
        let flow = json!({ "app": self.app, "topics": topics.collect::<Vec<_>>() });
        foreign::json(&format!("{flow:#}\n")).into_owned()
    }
}
