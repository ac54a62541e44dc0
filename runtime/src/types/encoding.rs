//! Ways of writing a value that its type leaves open: exact decimals as text or as a number, moments as numbers.

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

use super::{
    Decimal, JsonNumber, Timestamp,
    json::{Fault, Tree, read, scan},
};

/// How a value is written; a marker for [`As`] and [`Encoded`].
pub trait Encoding {
    /// What is written.
    type Value;

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// Why what stands there is none.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self::Value, D::Error>;

    /// Writes a value.
    ///
    /// # Errors
    ///
    /// Why it cannot be written.
    fn write<S: Serializer>(value: &Self::Value, serializer: S) -> Result<S::Ok, S::Error>;
}

/// `decimal` in the manifest: written as a text, `"1.10"`; a number is read as well, to the digit.
#[derive(Debug)]
pub enum DecimalText {}

/// `decimal(number)` in the manifest: written as a number, `1.10`; a text is read as well.
#[derive(Debug)]
pub enum DecimalNumber {}

/// `timestamp(millis)` in the manifest: milliseconds since 1970, as a number.
#[derive(Debug)]
pub enum TimestampMillis {}

/// `timestamp(seconds)` in the manifest: seconds since 1970, as a number.
#[derive(Debug)]
pub enum TimestampSeconds {}

/// Reads and writes a field in an encoding, be it a value or an option, list or map of values.
///
/// ```
/// use karafka::types::{As, Decimal, DecimalNumber};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Order {
///     #[serde(with = "As::<DecimalNumber>")]
///     total: Decimal,
/// }
///
/// let order: Order = serde_json::from_str(r#"{"total":"1.10"}"#)?;
/// assert_eq!(serde_json::to_string(&order)?, r#"{"total":1.10}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug)]
pub struct As<E>(PhantomData<E>);

impl<E: Encoding> As<E> {
    /// Writes a field; for `#[serde(with = "…")]`.
    ///
    /// # Errors
    ///
    /// As [`Encoding::write`].
    pub fn serialize<T: Holds<E>, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.write(serializer)
    }

    /// Reads a field; for `#[serde(with = "…")]`.
    ///
    /// # Errors
    ///
    /// As [`Encoding::read`].
    pub fn deserialize<'de, T: Holds<E>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        T::read(deserializer)
    }
}

/// A value that is written in its encoding wherever it stands.
pub struct Encoded<E: Encoding>(pub E::Value);

impl<E: Encoding<Value: fmt::Debug>> fmt::Debug for Encoded<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Encoding> Serialize for Encoded<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        E::write(&self.0, serializer)
    }
}

impl<'de, E: Encoding> Deserialize<'de> for Encoded<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        E::read(deserializer).map(Self)
    }
}

/// What holds values of an encoding: the value itself, or an option, list or map of what does.
pub trait Holds<E: Encoding>: Sized {
    /// Reads what is held.
    ///
    /// # Errors
    ///
    /// As [`Encoding::read`].
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// Writes what is held.
    ///
    /// # Errors
    ///
    /// As [`Encoding::write`].
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

macro_rules! holds_itself {
    ($($value:ty)*) => { $(
        impl<E: Encoding<Value = $value>> Holds<E> for $value {
            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                E::read(deserializer)
            }

            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                E::write(self, serializer)
            }
        }
    )* };
}

holds_itself! { Decimal Timestamp }

impl<E: Encoding, T: Holds<E>> Holds<E> for Option<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Own<E, T>>::deserialize(deserializer)?.map(Own::into))
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().map(Lent::<E, T>::of).serialize(serializer)
    }
}

impl<E: Encoding, T: Holds<E>> Holds<E> for Vec<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Own<E, T>>::deserialize(deserializer)?.into_iter().map(Own::into).collect())
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Lent::<E, T>::of))
    }
}

impl<E: Encoding, T: Holds<E>> Holds<E> for BTreeMap<String, T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = BTreeMap::<String, Own<E, T>>::deserialize(deserializer)?;
        Ok(read.into_iter().map(|(name, value)| (name, value.into())).collect())
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(name, value)| (name, Lent::<E, T>::of(value))))
    }
}

/// What an encoding is read into within something else.
struct Own<E, T>(T, PhantomData<E>);

impl<E, T> Own<E, T> {
    fn into(self) -> T {
        self.0
    }
}

impl<'de, E: Encoding, T: Holds<E>> Deserialize<'de> for Own<E, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(|value| Self(value, PhantomData))
    }
}

/// What is written in an encoding within something else.
struct Lent<'a, E, T>(&'a T, PhantomData<E>);

impl<'a, E, T> Lent<'a, E, T> {
    fn of(value: &'a T) -> Self {
        Self(value, PhantomData)
    }
}

impl<E: Encoding, T: Holds<E>> Serialize for Lent<'_, E, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

impl Encoding for DecimalText {
    type Value = Decimal;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        decimal(deserializer)
    }

    fn write<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }
}

impl Encoding for DecimalNumber {
    type Value = Decimal;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        decimal(deserializer)
    }

    fn write<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        JsonNumber::from(*value).serialize(serializer)
    }
}

impl Encoding for TimestampMillis {
    type Value = Timestamp;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        moment(deserializer, MILLIS)
    }

    fn write<S: Serializer>(value: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        write_moment(value, MILLIS, serializer)
    }
}

impl Encoding for TimestampSeconds {
    type Value = Timestamp;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        moment(deserializer, SECONDS)
    }

    fn write<S: Serializer>(value: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        write_moment(value, SECONDS, serializer)
    }
}

/// A scalar as it was written.
enum Plain<'t> {
    Number(Cow<'t, str>),
    Text(Cow<'t, str>),
    Other(&'static str),
}

impl<'t> Tree<'t> for Plain<'t> {
    type Fields = ();

    const NULL: Self = Self::Other("null");

    fn bool(_: bool) -> Self {
        Self::Other("a boolean")
    }

    fn number(text: Cow<'t, str>) -> Self {
        Self::Number(text)
    }

    fn text(text: Cow<'t, str>) -> Self {
        Self::Text(text)
    }

    fn list(_: Vec<Self>) -> Self {
        Self::Other("a list")
    }

    fn object((): ()) -> Self {
        Self::Other("an object")
    }

    fn put((): &mut (), _: Cow<'t, str>, _: Self) {}

    fn of(text: Cow<'t, str>) -> Result<Self, Fault> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match text {
            Cow::Borrowed(text) => scan(text),
            Cow::Owned(text) => Ok(match scan::<Plain<'_>>(&text)? {
                Plain::Number(text) => Self::Number(own(text)),
                Plain::Text(text) => Self::Text(own(text)),
                Plain::Other(what) => Self::Other(what),
            }),
        }
    }
}

fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    match read(deserializer)? {
        Plain::Number(text) | Plain::Text(text) => {
            exact(&text).map_err(|reason| D::Error::custom(format_args!("`{}` {reason}", shortened(&text))))
        }
        Plain::Other(what) => Err(D::Error::custom(format_args!("invalid type: {what}, expected a decimal"))),
    }
}

/// A text of unknown length, for a message.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A decimal with every digit of a text, an exponent taken in.
fn exact(text: &str) -> Result<Decimal, &'static str> {
    const NONE: &str = "is no decimal";
    const LARGE: &str = "has more digits than a decimal holds, which is 28";
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let is_number = || {
        let digits = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let decimal = Decimal::from_str_exact(mantissa).map_err(|_| if is_number() { LARGE } else { NONE })?;
    if exponent == "0" {
        return Ok(decimal);
    }
    let exponent: i64 = exponent.parse().map_err(|_| NONE)?;
    if decimal.is_zero() {
        return Ok(decimal);
    }
    let normal = decimal.normalize();
    let scale = i64::from(normal.scale()).checked_sub(exponent).ok_or(LARGE)?;
    if let Ok(scale) = u32::try_from(scale) {
        return Decimal::try_from_i128_with_scale(normal.mantissa(), scale).map_err(|_| LARGE);
    }
    let factor = u32::try_from(-scale).ok().and_then(|places| 10_i128.checked_pow(places)).ok_or(LARGE)?;
    let mantissa = normal.mantissa().checked_mul(factor).ok_or(LARGE)?;
    Decimal::try_from_i128_with_scale(mantissa, 0).map_err(|_| LARGE)
}

/// A unit of time since 1970.
#[derive(Clone, Copy)]
struct Unit {
    name: &'static str,
    /// How many places of ten it has over a nanosecond.
    places: u32,
}

const MILLIS: Unit = Unit { name: "milliseconds", places: 6 };
const SECONDS: Unit = Unit { name: "seconds", places: 9 };

fn moment<'de, D: Deserializer<'de>>(deserializer: D, unit: Unit) -> Result<Timestamp, D::Error> {
    let name = unit.name;
    let text = match read(deserializer)? {
        Plain::Number(text) => text,
        Plain::Text(_) => {
            return Err(D::Error::custom(format_args!("invalid type: a text, expected {name} since 1970 as a number")));
        }
        Plain::Other(what) => {
            return Err(D::Error::custom(format_args!("invalid type: {what}, expected {name} since 1970")));
        }
    };
    let found = exact(&text).ok().and_then(|time| nanoseconds(time, unit)).and_then(at);
    found.ok_or_else(|| D::Error::custom(format_args!("`{}` is no moment in {name} since 1970", shortened(&text))))
}

/// A count of a unit in nanoseconds, if it is a whole number of them.
fn nanoseconds(time: Decimal, unit: Unit) -> Option<i128> {
    let time = time.normalize();
    let places = unit.places.checked_sub(time.scale())?;
    time.mantissa().checked_mul(10_i128.pow(places))
}

fn at(nanoseconds: i128) -> Option<Timestamp> {
    const SECOND: i128 = 1_000_000_000;
    let seconds = i64::try_from(nanoseconds.div_euclid(SECOND)).ok()?;
    Timestamp::from_timestamp(seconds, u32::try_from(nanoseconds.rem_euclid(SECOND)).ok()?)
}

/// With as many places as the moment needs: none, as a rule.
fn write_moment<S: Serializer>(value: &Timestamp, unit: Unit, serializer: S) -> Result<S::Ok, S::Error> {
    let nanoseconds = i128::from(value.timestamp()) * 1_000_000_000 + i128::from(value.timestamp_subsec_nanos());
    let time = Decimal::try_from_i128_with_scale(nanoseconds, unit.places)
        .map_err(|error| S::Error::custom(format_args!("{value} has no {}: {error}", unit.name)))?;
    JsonNumber::from(time.normalize()).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Order {
        #[serde(with = "As::<DecimalText>")]
        total: Decimal,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "As::<DecimalNumber>")]
        fee: Option<Decimal>,
        #[serde(default, with = "As::<DecimalNumber>")]
        lines: Vec<Vec<Decimal>>,
        #[serde(default, with = "As::<TimestampMillis>")]
        times: BTreeMap<String, Timestamp>,
    }

    fn order(text: &str) -> Result<Order, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    fn read_as<E: Encoding>(text: &str) -> Result<E::Value, String> {
        serde_json::from_str::<Encoded<E>>(text).map(|read| read.0).map_err(|error| error.to_string())
    }

    fn written_as<E: Encoding>(value: E::Value) -> String {
        serde_json::to_string(&Encoded::<E>(value)).expect("JSON")
    }

    /// If this fails, money changes on its way through an app.
    #[test]
    fn decimals_are_exact_as_numbers_and_as_texts() {
        for text in ["0", "1.10", "-0.01", "12345678901234567890.12345678", "79228162514264337593543950335"] {
            for written in [text.to_owned(), format!("\"{text}\"")] {
                let read = read_as::<DecimalText>(&written).expect("a decimal");
                assert_eq!(read.to_string(), text, "{written}");
                assert_eq!(written_as::<DecimalText>(read), format!("\"{text}\""));
                assert_eq!(written_as::<DecimalNumber>(read), text);
            }
        }
        for (text, wanted) in
            [("1e2", "100"), ("1.50E-2", "0.015"), ("25e-28", "0.0000000000000000000000000025"), ("0e9", "0")]
        {
            assert_eq!(read_as::<DecimalNumber>(text).expect("a decimal").to_string(), wanted);
        }
    }

    /// If this fails, a sum is rounded in silence, or a person has to guess what is wrong with it.
    #[test]
    fn what_a_decimal_cannot_hold_is_refused() {
        for (text, words) in [
            ("0.12345678901234567890123456789", "more digits than a decimal holds"),
            ("79228162514264337593543950336", "more digits than a decimal holds"),
            ("1e29", "more digits than a decimal holds"),
            ("1e-29", "more digits than a decimal holds"),
            ("1e99999999999", "more digits than a decimal holds"),
            ("\"1.2.3\"", "`1.2.3` is no decimal"),
            ("\"\"", "`` is no decimal"),
            ("\"1e\"", "`1e` is no decimal"),
            ("true", "invalid type: a boolean, expected a decimal"),
            ("null", "invalid type: null, expected a decimal"),
            ("[1]", "invalid type: a list, expected a decimal"),
        ] {
            let error = read_as::<DecimalText>(text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    /// If this fails, a moment shifts when another program counts in other units, or loses its fraction.
    #[test]
    fn moments_are_numbers_to_the_nanosecond() {
        let moment = |text: &str| text.parse::<Timestamp>().expect("a moment");
        for (millis, seconds, text) in [
            ("0", "0", "1970-01-01T00:00:00Z"),
            ("1795878428000", "1795878428", "2026-11-28T15:07:08Z"),
            ("1795878428123", "1795878428.123", "2026-11-28T15:07:08.123Z"),
            ("-1", "-0.001", "1969-12-31T23:59:59.999Z"),
            ("0.000001", "0.000000001", "1970-01-01T00:00:00.000000001Z"),
        ] {
            assert_eq!(read_as::<TimestampMillis>(millis), Ok(moment(text)));
            assert_eq!(read_as::<TimestampSeconds>(seconds), Ok(moment(text)));
            assert_eq!(written_as::<TimestampMillis>(moment(text)), millis);
            assert_eq!(written_as::<TimestampSeconds>(moment(text)), seconds);
        }
        assert_eq!(read_as::<TimestampSeconds>("1795878428.0"), Ok(moment("2026-11-28T15:07:08Z")));
        for (text, words) in [
            ("\"1795878428\"", "expected seconds since 1970 as a number"),
            ("1e40", "is no moment in seconds since 1970"),
            ("0.0000000001", "is no moment in seconds since 1970"),
            ("true", "expected seconds since 1970"),
        ] {
            let error = read_as::<TimestampSeconds>(text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    /// If this fails, an encoding ends where a field is optional, a list or a map.
    #[test]
    fn options_lists_and_maps_have_the_encoding_of_what_they_hold() {
        let text = r#"{"total":"1.10","fee":0.20,"lines":[[1.00],[]],"times":{"paid":1795878428123}}"#;
        assert_eq!(serde_json::to_string(&order(text).expect("an order")).expect("JSON"), text);
        let small = order(r#"{"total":1.10}"#).expect("an order");
        assert_eq!((small.fee, small.total.to_string()), (None, "1.10".to_owned()));
        let wrong = order(r#"{"total":1,"lines":[[1,"x"]]}"#).expect_err("no decimal");
        assert!(wrong.starts_with("`x` is no decimal"), "{wrong}");
        // By value, as some formats and buffers hand it over.
        let buffered: Order =
            serde_json::from_value(serde_json::json!({ "total": "1.10", "fee": 2 })).expect("an order");
        assert_eq!(buffered.fee, Some(Decimal::from(2)));
    }
}
