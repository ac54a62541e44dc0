//! What a job sends has to be in Kafka before the job is done.

use tokio::sync::Notify;

use crate::{
    Result,
    outgoing::{Delivered, Outgoing, SendError, Sender, Ticket},
    sync::Mutex,
};

/// What Kafka has answered to what one attempt at a job has sent: it is done only when Kafka has all of it.
#[derive(Debug, Default)]
pub(crate) struct JobEmits {
    answers: Mutex<Answers>,
    answered: Notify,
}

#[derive(Debug, Default)]
struct Answers {
    count: u32,
    refused: Option<SendError>,
}

impl JobEmits {
    fn with<T>(&self, look: impl FnOnce(&mut Answers) -> T) -> T {
        look(&mut self.answers.lock())
    }

    fn answer(&self, refused: Option<SendError>) {
        self.with(|answers| {
            answers.count += 1;
            answers.refused = answers.refused.take().or(refused);
        });
        self.answered.notify_one();
    }

    /// Waits until Kafka has answered for each of the `emitted` records that were handed over.
    ///
    /// # Errors
    ///
    /// What Kafka did not take: the job is to be done again.
    pub(crate) async fn all_acknowledged(&self, emitted: u32) -> Result {
        while self.with(|answers| answers.count < emitted) {
            self.answered.notified().await;
        }
        match self.with(|answers| answers.refused.take()) {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

impl Sender for JobEmits {
    fn delivered(&self, _: Ticket, _: Delivered) {
        self.answer(None);
    }

    fn undelivered(&self, _: Ticket, _: Outgoing, error: SendError) {
        self.answer(Some(error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outgoing::Sent, producer::SizeBound};

    const TICKET: Ticket = Ticket::new(0, Sent::Emit("receipts"));

    /// If this fails, a job is done before Kafka has what it sent, or waits for ever for what it never handed over.
    #[tokio::test]
    async fn as_many_answers_are_waited_for_as_were_handed_over() {
        let emits = JobEmits::default();
        assert!(emits.all_acknowledged(0).await.is_ok());
        emits.delivered(TICKET, Delivered { partition: 0, offset: Some(7) });
        assert!(emits.all_acknowledged(1).await.is_ok());
        let (waited, ()) = tokio::join!(emits.all_acknowledged(2), async {
            tokio::task::yield_now().await;
            let outgoing = Outgoing { topic: "receipts".to_owned(), ..Outgoing::default() };
            let (topic, bound) = (outgoing.topic.clone(), SizeBound::Topic);
            emits.undelivered(TICKET, outgoing, SendError::TooLarge { topic, size: 2_000_000, bound });
        });
        let error = waited.expect_err("Kafka has not taken it");
        let words = error.to_string();
        assert!(
            words.contains("receipts") && words.contains("2000000") && words.contains("max.message.bytes"),
            "{words}"
        );
    }
}
