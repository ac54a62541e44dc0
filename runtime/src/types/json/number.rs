//! A number by its text.

use std::{borrow::Cow, fmt, str::FromStr};

use super::{super::Decimal, Json};

/// A JSON number, as it was written.
///
/// ```
/// use karafka::types::{Decimal, JsonNumber};
///
/// let total: JsonNumber = "1.10".parse()?;
/// assert_eq!(total.as_str(), "1.10");
/// assert_eq!(total.as_decimal(), Some(Decimal::new(110, 2)));
/// assert!("01".parse::<JsonNumber>().is_err());
/// # Ok::<(), karafka::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JsonNumber(Text);

/// Bytes of a number that need no allocation: any 64-bit number is shorter.
const SHORT: usize = 22;

/// **Invariant:** a text of at most [`SHORT`] bytes is `Short`, and what is behind its length is 0, so that equal texts
/// are equal.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Text {
    Short(u8, [u8; SHORT]),
    Long(Box<str>),
}

impl JsonNumber {
    /// A number of this text, which must be one.
    pub(super) fn of(text: Cow<'_, str>) -> Self {
        let mut bytes = [0; SHORT];
        match (u8::try_from(text.len()), bytes.get_mut(..text.len())) {
            (Ok(length), Some(start)) => {
                start.copy_from_slice(text.as_bytes());
                Self(Text::Short(length, bytes))
            }
            _ => Self(Text::Long(text.into_owned().into_boxed_str())),
        }
    }

    /// The number as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // It was made from a text.
            Text::Short(length, bytes) => {
                bytes.get(..usize::from(*length)).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
            }
            Text::Long(text) => text,
        }
    }

    /// The number, if it is written as a whole one and an `i64` holds it.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_str().parse().ok()
    }

    /// The number, if it is written as a whole one and a `u64` holds it.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_str().parse().ok()
    }

    /// The `f64` nearest to the number; `None` beyond the range of an `f64`.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.as_str().parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// The number as a decimal with the same digits; `None` if it has an exponent, or more digits than a decimal holds.
    #[must_use]
    pub fn as_decimal(&self) -> Option<Decimal> {
        Decimal::from_str_exact(self.as_str()).ok()
    }
}

/// A text that is no JSON number, or a number that has no text in JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no number in JSON")]
pub struct NotANumber(String);

impl FromStr for JsonNumber {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        match text.parse() {
            // Blanks around it are JSON, but no part of a number.
            Ok(Json::Number(number)) if number.as_str() == text => Ok(number),
            _ => Err(NotANumber(text.to_owned())),
        }
    }
}

impl TryFrom<f64> for JsonNumber {
    type Error = NotANumber;

    /// The shortest text that is read as `value`; an error for what is not finite.
    fn try_from(value: f64) -> Result<Self, NotANumber> {
        let number = serde_json::Number::from_f64(value).ok_or_else(|| NotANumber(value.to_string()))?;
        Ok(Self::of(number.to_string().into()))
    }
}

impl From<&serde_json::Number> for JsonNumber {
    fn from(number: &serde_json::Number) -> Self {
        Self::of(number.to_string().into())
    }
}

/// From what writes itself as a JSON number.
macro_rules! from_displayed {
    ($($number:ty)*) => { $(
        impl From<$number> for JsonNumber {
            fn from(number: $number) -> Self {
                Self::of(number.to_string().into())
            }
        }
    )* };
}

from_displayed! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize Decimal }

impl fmt::Display for JsonNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for JsonNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
