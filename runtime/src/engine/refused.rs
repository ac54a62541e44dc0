//! What lanes have sent and Kafka refuses as it is, until a person has changed something.
//!
//! A lane sends it again and again, and its offset stays; here it stands for those who watch. Nothing of this is touched
//! while all goes well.

use std::collections::BTreeMap;

use crate::{
    outgoing::Refusal,
    outgoing::{Sent, Ticket},
    sync::Mutex,
};

/// A copy that Kafka refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefusedCopy {
    /// The record that it was sent for; of a batch, one of its records.
    pub(crate) offset: i64,
    pub(crate) why: Refusal,
    /// In a sentence, with topic and size.
    pub(crate) reason: String,
    /// How often it was refused.
    pub(crate) failures: u32,
}

/// Those of one lane that Kafka has not taken since.
#[derive(Debug, Default)]
pub(crate) struct RefusedCopies(Mutex<BTreeMap<(u64, Sent), RefusedCopy>>);

impl RefusedCopies {
    /// Kafka has refused it, perhaps not for the first time.
    pub(crate) fn note(&self, ticket: Ticket, copy: RefusedCopy) {
        self.0.lock().insert((ticket.number, ticket.sent), copy);
    }

    /// Kafka has it now, or has not taken it for another reason.
    pub(crate) fn forget(&self, ticket: Ticket) {
        self.0.lock().remove(&(ticket.number, ticket.sent));
    }

    /// Whether Kafka has refused it, and not taken it since.
    pub(crate) fn holds(&self, ticket: Ticket) -> bool {
        self.0.lock().contains_key(&(ticket.number, ticket.sent))
    }

    /// The one of the oldest record, and how many there are.
    pub(crate) fn first(&self) -> Option<(RefusedCopy, usize)> {
        let copies = self.0.lock();
        copies.first_key_value().map(|(_, copy)| (copy.clone(), copies.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, health names a copy that has long arrived, or forgets one that has not.
    #[test]
    fn a_copy_is_named_until_it_is_taken() {
        let copies = RefusedCopies::default();
        let ticket = |number| Ticket::new(number, Sent::DeadLetter);
        let copy = |offset, failures| RefusedCopy { offset, why: Refusal::TooLarge, reason: String::new(), failures };
        copies.note(ticket(7), copy(70, 1));
        copies.note(ticket(5), copy(50, 1));
        copies.note(ticket(5), copy(50, 2));
        assert_eq!(copies.first(), Some((copy(50, 2), 2)));
        copies.forget(ticket(5));
        copies.forget(Ticket::new(7, Sent::Emit("receipts")));
        assert_eq!(copies.first(), Some((copy(70, 1), 1)));
        copies.forget(ticket(7));
        assert_eq!(copies.first(), None);
    }
}
