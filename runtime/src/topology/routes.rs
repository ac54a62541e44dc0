//! `routes`: a row a consumer.

use serde_json::json;

use super::{Consumer, Topology, table};
use crate::foreign;

/// The columns, in order. Behind them in the table: `group id`, if one is not the group's key, and `queue`, if there is a
/// consumer with jobs on Redis.
const COLUMNS: [&str; 7] = ["topic", "group", "controller", "worker", "parser", "interchanger", "message"];

impl Topology {
    /// The routes as a table in alphabetical order.
    #[must_use]
    pub fn routes_text(&self) -> String {
        if self.consumers.is_empty() {
            let state = if self.topics.is_empty() { "no routes yet" } else { "no routes, as this app only sends" };
            return format!("{state}: `karafka generate controller NAME` adds the first\n");
        }
        let mut rows = vec![COLUMNS.map(str::to_uppercase).to_vec()];
        rows.extend(self.route_cells().map(|cells| cells.map(str::to_owned).to_vec()));
        let mut add = |column: &str, cell: &dyn Fn(&Consumer) -> String| {
            let cells = std::iter::once(column.to_owned()).chain(self.consumers.iter().map(cell));
            rows.iter_mut().zip(cells).for_each(|(row, cell)| row.push(cell));
        };
        if self.consumers.iter().any(|consumer| consumer.group_id != consumer.group) {
            add("GROUP ID", &|consumer| consumer.group_id.clone());
        }
        if self.consumers.iter().any(|consumer| consumer.queue.is_some()) {
            add("QUEUE", &|consumer| consumer.queue.clone().unwrap_or_default());
        }
        table(&rows, "", "  ")
    }

    /// The routes as a JSON array of objects.
    #[must_use]
    pub fn routes_json(&self) -> String {
        let routes: Vec<_> = self
            .route_cells()
            .zip(&self.consumers)
            .map(|(cells, consumer)| {
                let cells = COLUMNS.iter().zip(cells).map(|(column, cell)| ((*column).to_owned(), json!(cell)));
                let more = [("group_id", json!(consumer.group_id)), ("queue", json!(consumer.queue))];
                cells.chain(more.map(|(column, cell)| (column.to_owned(), cell))).collect()
            })
            .map(serde_json::Value::Object)
            .collect();
        foreign::json(&format!("{:#}\n", serde_json::Value::Array(routes))).into_owned()
    }

    fn route_cells(&self) -> impl Iterator<Item = [&str; 7]> {
        self.consumers.iter().map(|consumer| {
            [
                &consumer.topic,
                &consumer.group,
                &consumer.controller,
                &consumer.worker,
                &consumer.parser,
                &consumer.interchanger,
                self.message_of(&consumer.topic),
            ]
        })
    }
}
