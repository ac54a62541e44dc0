//! What the whole shop shares: what is in stock, who has paid what, who was told.
//!
//! It lives in memory here; a shop would put a database pool in its place. Every change can be made twice with the
//! same result, because a message can come twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use karafka::{
    Result,
    types::{Decimal, Uuid},
};

use crate::generated::messages::{Line, Notice};

/// Lent to controllers as `ctx.state()`.
#[derive(Debug, Default)]
pub struct State {
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    stock: BTreeMap<String, u32>,
    reserved: BTreeSet<Uuid>,
    charged: BTreeMap<Uuid, Decimal>,
    shipped: BTreeSet<Uuid>,
    told: Vec<Notice>,
}

/// The most that one order may cost.
const LIMIT: i64 = 1_000;

impl State {
    /// Builds the state once, before the first message.
    ///
    /// # Errors
    ///
    /// Whatever keeps the app from starting.
    pub async fn build() -> Result<Self> {
        let state = Self::default();
        for sku in ["tea", "cup", "pot"] {
            state.books().stock.insert(sku.to_owned(), 100);
        }
        Ok(state)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what an order needs out of the stock, or nothing and the article that is missing.
    ///
    /// # Errors
    ///
    /// The first article of which there is not enough.
    pub fn reserve(&self, order: Uuid, lines: &[Line]) -> Result<(), String> {
        let mut books = self.books();
        if books.reserved.contains(&order) {
            return Ok(());
        }
        let mut stock = books.stock.clone();
        for line in lines {
            let left = stock
                .get(&line.sku)
                .and_then(|left| left.checked_sub(line.quantity));
            match left {
                Some(left) => stock.insert(line.sku.clone(), left),
                None => return Err(line.sku.clone()),
            };
        }
        books.stock = stock;
        books.reserved.insert(order);
        Ok(())
    }

    /// How many of an article are left.
    #[must_use]
    pub fn stock(&self, sku: &str) -> u32 {
        self.books().stock.get(sku).copied().unwrap_or(0)
    }

    /// Charges a customer for an order, unless it is too much. Returns whether it is paid.
    #[must_use]
    pub fn charge(&self, order: Uuid, amount: Decimal) -> bool {
        let within = amount <= Decimal::from(LIMIT);
        if within {
            self.books().charged.insert(order, amount);
        }
        within
    }

    /// Hands a parcel to the carrier. Returns whether it was the first time.
    #[must_use]
    pub fn ship(&self, order: Uuid) -> bool {
        self.books().shipped.insert(order)
    }

    /// Tells a customer, once.
    pub fn tell(&self, notice: &Notice) {
        let told = &mut self.books().told;
        if !told.contains(notice) {
            told.push(notice.clone());
        }
    }

    /// What customers were told, in order.
    #[must_use]
    pub fn told(&self) -> Vec<Notice> {
        self.books().told.clone()
    }
}
