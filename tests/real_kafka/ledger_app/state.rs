//! The ledger: a file with a line for each record that was handled.

use std::{
    env,
    fs::{File, OpenOptions},
    io::Write,
    process,
    time::SystemTime,
};

use karafka::Result;

/// Lent to controllers as `ctx.state()`.
#[derive(Debug)]
pub struct State {
    file: File,
    /// Whether each record is also answered with one in `receipts`.
    pub with_receipts: bool,
}

impl State {
    /// Opens the ledger that `LEDGER_FILE` names.
    ///
    /// # Errors
    ///
    /// When the variable is not set or the file cannot be opened.
    pub async fn build() -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(env::var("LEDGER_FILE")?)?;
        Ok(Self { file, with_receipts: env::var_os("LEDGER_RECEIPTS").is_some() })
    }

    /// Appends `partition offset id process milliseconds`, in one write that no other can come between.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write_down(&self, partition: i32, offset: i64, id: u64) -> Result {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis();
        let line = format!("{partition} {offset} {id} {} {now}\n", process::id());
        Ok((&self.file).write_all(line.as_bytes())?)
    }
}
