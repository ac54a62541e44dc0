//! How a message travels through the job queue.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Serialize, de::DeserializeOwned};

use crate::Result;

/// Turns a message into text that a job can carry, and back.
///
/// Ruby's interchangers exist because a job's arguments are JSON and not every message is. With jobs in the process
/// (the default) a message never leaves memory, and its interchanger is not called. With `jobs: redis` it is written by
/// `server` and read by `worker`, which may be another version of the app: what is in the queue when a message's type
/// changes has the old form.
///
/// **Invariant:** `decode(encode(m))` is `m`.
pub trait Interchanger<T>: Send + Sync + 'static {
    /// The message as text.
    ///
    /// # Errors
    ///
    /// Why the message cannot be written.
    fn encode(&self, message: &T) -> Result<String>;

    /// The message that `text` was made from.
    ///
    /// # Errors
    ///
    /// Why the text is not such a message.
    fn decode(&self, text: &str) -> Result<T>;
}

/// JSON; `interchanger: json`, the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl<T: Serialize + DeserializeOwned> Interchanger<T> for Json {
    fn encode(&self, message: &T) -> Result<String> {
        Ok(serde_json::to_string(message)?)
    }

    fn decode(&self, text: &str) -> Result<T> {
        Ok(serde_json::from_str(text)?)
    }
}

/// JSON in base64 (RFC 4648, padded), for queues whose readers must not look inside; `interchanger: binary`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Binary;

impl<T: Serialize + DeserializeOwned> Interchanger<T> for Binary {
    fn encode(&self, message: &T) -> Result<String> {
        Ok(STANDARD.encode(serde_json::to_vec(message)?))
    }

    fn decode(&self, text: &str) -> Result<T> {
        Ok(serde_json::from_slice(&STANDARD.decode(text)?)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::{Bytes, Json as AnyJson};

    /// If this fails, a message comes out of the job queue as another one.
    #[test]
    fn what_goes_in_comes_out() {
        let message: AnyJson =
            serde_json::json!({ "id": 7, "text": "ü \" \\ \u{0}", "none": null, "list": [1.5, true] }).into();
        let json = Json.encode(&message).expect("text");
        assert_eq!(Interchanger::<AnyJson>::decode(&Json, &json).expect("a message"), message);
        let binary = Binary.encode(&message).expect("text");
        assert!(binary.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)));
        assert_eq!(Interchanger::<AnyJson>::decode(&Binary, &binary).expect("a message"), message);

        let bytes = Bytes::from(vec![0, 0xff, b'"']);
        let text = Json.encode(&bytes).expect("text");
        assert_eq!(Interchanger::<Bytes>::decode(&Json, &text).expect("bytes"), bytes);
    }

    /// Any JSON: every kind of value, in lists and maps, with any text.
    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn is_kept<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
        message: &T,
    ) -> std::result::Result<(), TestCaseError> {
        let (json, binary) = (Json.encode(message).expect("text"), Binary.encode(message).expect("text"));
        prop_assert_eq!(&Interchanger::<T>::decode(&Json, &json).expect("a message"), message);
        prop_assert_eq!(&Interchanger::<T>::decode(&Binary, &binary).expect("a message"), message);
        Ok(())
    }

    proptest::proptest! {
        /// If this fails, a message comes out of the job queue as another one, or not at all.
        #[test]
        fn any_message_is_the_same_on_the_other_side(
            value in any_json(),
            bytes in any::<Vec<u8>>(),
            text in any::<String>(),
        ) {
            is_kept(&AnyJson::from(value))?;
            is_kept(&Bytes::from(bytes))?;
            is_kept(&text)?;
        }

        /// If this fails, a job with any text in it stops its worker.
        #[test]
        fn no_text_of_a_job_is_a_panic(text in any::<String>()) {
            let _ = Interchanger::<AnyJson>::decode(&Json, &text);
            let _ = Interchanger::<AnyJson>::decode(&Binary, &text);
        }

        /// If this fails, the last digit of an amount changes with each topic and each job that it passes.
        #[test]
        fn a_float_is_the_same_on_the_other_side(wide in proptest::num::f64::NORMAL, narrow in proptest::num::f32::NORMAL) {
            let text = Json.encode(&(wide, narrow)).expect("text");
            let read: (f64, f32) = Json.decode(&text).expect("two numbers");
            proptest::prop_assert_eq!((wide.to_bits(), narrow.to_bits()), (read.0.to_bits(), read.1.to_bits()));
        }
    }

    /// If this fails, a damaged job is taken for a message.
    #[test]
    fn what_is_damaged_is_refused() {
        assert!(Interchanger::<AnyJson>::decode(&Json, "{").is_err());
        assert!(Interchanger::<AnyJson>::decode(&Binary, "no base64").is_err());
    }
}
