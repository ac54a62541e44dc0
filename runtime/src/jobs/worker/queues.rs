//! Which queue is asked first.

use std::collections::BTreeSet;

use crate::{backoff::Jitter, random, sync::Mutex};

/// The queues of a worker: in a strict order, or by weight, as Sidekiq has both.
#[derive(Debug)]
pub(crate) struct Queues {
    /// Name and weight.
    queues: Vec<(String, u32)>,
    /// Nobody has given a weight: the first that has jobs is served first.
    is_strict: bool,
    jitter: Mutex<Jitter>,
}

/// What is wrong with `--queues`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongQueues {
    #[error("`--queues {written}`: write a queue's name, or its name, a comma and its weight, such as `critical,3`")]
    Form { written: String },
    #[error("`--queues {name}`: no consumer of karafka.yml has that queue; there are: {known}")]
    Unknown { name: String, known: String },
    #[error("`--queues` names `{name}` twice")]
    Twice { name: String },
}

impl Queues {
    /// As `--queues` says, or, if that says nothing, all that are `known`, with the same weight.
    ///
    /// # Errors
    ///
    /// What is wrong with the words.
    pub(crate) fn read(words: &[String], known: &BTreeSet<&str>) -> Result<Self, WrongQueues> {
        let jitter = Mutex::new(Jitter::new(random::new_id()));
        if words.is_empty() {
            let queues = known.iter().map(|name| ((*name).to_owned(), 1)).collect();
            return Ok(Self { queues, is_strict: false, jitter });
        }
        let mut queues: Vec<(String, u32)> = Vec::new();
        let mut is_strict = true;
        for word in words {
            let (name, weight) = match word.split_once(',') {
                None => (word.as_str(), 1),
                Some((name, weight)) => {
                    is_strict = false;
                    let weight = weight.parse().ok().filter(|weight| (1..=1_000).contains(weight));
                    (name, weight.ok_or_else(|| WrongQueues::Form { written: word.clone() })?)
                }
            };
            if !known.contains(name) {
                let known = known.iter().copied().collect::<Vec<_>>().join(", ");
                return Err(WrongQueues::Unknown { name: name.to_owned(), known });
            }
            if queues.iter().any(|(other, _)| other == name) {
                return Err(WrongQueues::Twice { name: name.to_owned() });
            }
            queues.push((name.to_owned(), weight));
        }
        Ok(Self { queues, is_strict, jitter })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.queues.iter().map(|(name, _)| name.as_str())
    }

    /// `critical,3 default,1`.
    pub(crate) fn words(&self) -> String {
        let words = self.queues.iter().map(
            |(name, weight)| {
                if self.is_strict { name.clone() } else { format!("{name},{weight}") }
            },
        );
        words.collect::<Vec<_>>().join(" ")
    }

    /// The order in which queues are asked this time. By weight, each is first as often as its share is large, and none
    /// starves.
    pub(crate) fn next_order(&self) -> Vec<&str> {
        if self.is_strict || self.queues.len() == 1 {
            return self.names().collect();
        }
        let mut jitter = self.jitter.lock();
        // The smallest of exponential waits, each as fast as its weight (Efraimidis and Spirakis, 2006).
        let mut drawn: Vec<(f64, &str)> = self
            .queues
            .iter()
            .map(|(name, weight)| (-(1.0 - jitter.next()).ln() / f64::from(*weight), name.as_str()))
            .collect();
        drawn.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        drawn.into_iter().map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Queues, WrongQueues> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Queues::read(&words, &BTreeSet::from(["critical", "default", "low"]))
    }

    /// If this fails, a queue starves behind a busy one, or a weight counts for nothing.
    #[test]
    fn a_weight_is_a_share() {
        let queues = read(&["critical,3", "default,1"]).expect("queues");
        let first = (0..4_000).filter(|_| queues.next_order()[0] == "critical").count();
        assert!((2_850..=3_150).contains(&first), "{first} of 4000");
        assert_eq!(queues.words(), "critical,3 default,1");
        let strict = read(&["low", "critical"]).expect("queues");
        assert!((0..100).all(|_| strict.next_order() == ["low", "critical"]));
        let all = read(&[]).expect("queues");
        assert!((0..100).any(|_| all.next_order()[0] == "low"));
    }

    /// If this fails, a slip of the finger leaves a queue alone, and nobody is told.
    #[test]
    fn what_is_wrong_is_refused() {
        for words in [&["critcal"][..], &["critical,0"], &["critical,x"], &["low", "low"]] {
            assert!(read(words).is_err(), "{words:?}");
        }
        assert_eq!(
            read(&["critcal"]).expect_err("an unknown one").to_string(),
            "`--queues critcal`: no consumer of karafka.yml has that queue; there are: critical, default, low"
        );
    }
}
