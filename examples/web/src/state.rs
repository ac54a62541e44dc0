//! What the web server answers from, and the consumers write into.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use karafka::types::{Decimal, Uuid};

use crate::generated::messages::Order;

/// Shared by cloning: one for the routes, one for `ctx.state()`.
///
/// It lives in memory here; a shop would put a database pool in its place.
#[derive(Debug, Clone, Default)]
pub struct State {
    books: Arc<Mutex<Books>>,
}

#[derive(Debug, Default)]
struct Books {
    /// What customers have placed.
    placed: BTreeMap<Uuid, Order>,
    /// Which orders are in the totals.
    counted: BTreeSet<Uuid>,
    totals: BTreeMap<String, Decimal>,
}

impl State {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores what a customer has placed. `false` if another order has its id; the same one can come again.
    #[must_use]
    pub fn store(&self, order: &Order) -> bool {
        let mut books = self.books();
        let placed = books.placed.entry(order.id);
        *placed.or_insert_with(|| order.clone()) == *order
    }

    /// Adds an order to its customer's total, once: a message can come twice.
    pub fn add(&self, order: &Order) {
        let mut books = self.books();
        if books.counted.insert(order.id) {
            *books.totals.entry(order.customer.clone()).or_default() += order.total;
        }
    }

    /// How much a customer has ordered.
    #[must_use]
    pub fn total(&self, customer: &str) -> Option<Decimal> {
        self.books().totals.get(customer).copied()
    }
}
