//! The records: about 256 bytes of JSON each, different from one another, the same in every run.

use anyhow::Result;
use benched::generated::messages::{Event, EventStatus};
use karafka_tests::kafka::Producer;
use uuid::Uuid;

/// Sends one record to the topic's first partition.
pub(crate) fn send_one(address: &str, topic: &str) -> Result<()> {
    let producer = Producer::new(address)?;
    producer.send(topic, 0, "0", &serde_json::to_string(&event(0))?)?;
    producer.flush()
}

/// The event of this number.
pub(crate) fn event(number: u64) -> Event {
    // Spreads neighbouring numbers over all bits, as real identifiers are.
    let mixed = (u128::from(number) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    let below = |bound: u64| u64::try_from(mixed >> 64).unwrap_or_default() % bound;
    let status = match number % 3 {
        0 => EventStatus::Pending,
        1 => EventStatus::Paid,
        _ => EventStatus::Shipped,
    };
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let total = below(1_000_000) as f64 / 100.0;
    Event {
        id: Uuid::from_u128(mixed),
        customer: format!("c-{:06}", below(1_000_000)),
        region: ["eu-north", "eu-west", "us-east", "ap-south"][usize::try_from(number % 4).unwrap_or_default()]
            .to_owned(),
        description: format!(
            "{} boxes of enamelled mugs for shelf {:04}, wrapped one by one",
            below(90) + 10,
            below(9_999)
        ),
        quantity: u32::try_from(below(90) + 10).unwrap_or_default(),
        total,
        coupon: number.is_multiple_of(2).then(|| format!("SPRING-{:04}", below(9_999))),
        status,
        created_ms: 1_763_820_000_000 + number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, the figures are not those of the 256 bytes that they are published for.
    #[test]
    fn a_record_has_about_256_bytes() {
        let sizes: Vec<_> =
            (0..10_000).map(|number| serde_json::to_string(&event(number)).expect("JSON").len()).collect();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((246..=266).contains(&mean), "{mean} bytes on average");
    }
}
