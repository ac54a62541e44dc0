//! `routes`: a row a consumer.

use serde_json::json;

use super::{Topology, table};

/// The columns, in order. A last one, `queue`, is in the table only if there is a consumer with jobs on Redis.
const COLUMNS: [&str; 7] = ["topic", "group", "controller", "worker", "parser", "interchanger", "message"];

impl Topology {
    /// The routes as a table in alphabetical order.
    #[must_use]
    pub fn routes_text(&self) -> String {
        if self.consumers.is_empty() {
            return "no routes yet: `karafka generate controller NAME` adds the first\n".to_owned();
        }
        let mut rows = vec![COLUMNS.map(str::to_uppercase).to_vec()];
        rows.extend(self.route_cells().map(|cells| cells.map(str::to_owned).to_vec()));
        if self.consumers.iter().any(|consumer| consumer.queue.is_some()) {
            let queues = self.consumers.iter().map(|consumer| consumer.queue.clone().unwrap_or_default());
            let queues = std::iter::once("QUEUE".to_owned()).chain(queues);
            rows.iter_mut().zip(queues).for_each(|(row, queue)| row.push(queue));
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
                cells.chain([("queue".to_owned(), json!(consumer.queue))]).collect()
            })
            .map(serde_json::Value::Object)
            .collect();
        format!("{:#}\n", serde_json::Value::Array(routes))
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
