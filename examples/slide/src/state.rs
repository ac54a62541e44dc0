//! What the whole app shares: the catalogue of videos.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use karafka::Result;

/// Lent to controllers as `ctx.state()`.
#[derive(Debug, Default)]
pub struct State {
    titles: Mutex<BTreeMap<String, String>>,
}

impl State {
    /// Builds the state once, before the first message.
    ///
    /// # Errors
    ///
    /// Whatever keeps the app from starting.
    pub async fn build() -> Result<Self> {
        Ok(Self::default())
    }

    /// The title of a video, if the catalogue has it.
    #[must_use]
    pub fn title(&self, id: &str) -> Option<String> {
        let titles = self.titles.lock().unwrap_or_else(PoisonError::into_inner);
        titles.get(id).cloned()
    }

    /// Puts a video into the catalogue, or changes its title. Twice is as good as once.
    pub fn set_title(&self, id: &str, title: &str) {
        let mut titles = self.titles.lock().unwrap_or_else(PoisonError::into_inner);
        titles.insert(id.to_owned(), title.to_owned());
    }
}
