//! The scalar types' words in the manifest.

use super::Scalar;

impl Scalar {
    /// Every scalar type, in the order of the documentation.
    pub const ALL: [Self; 22] = [
        Self::String,
        Self::Bool,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::F32,
        Self::F64,
        Self::Decimal,
        Self::DecimalNumber,
        Self::Bytes,
        Self::Uuid,
        Self::Timestamp,
        Self::TimestampMillis,
        Self::TimestampSeconds,
        Self::Date,
        Self::Time,
        Self::Json,
    ];

    /// The scalar type of this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scalar| scalar.name() == name)
    }

    /// Its word in the manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Bool => "bool",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Decimal => "decimal",
            Self::DecimalNumber => "decimal(number)",
            Self::Bytes => "bytes",
            Self::Uuid => "uuid",
            Self::Timestamp => "timestamp",
            Self::TimestampMillis => "timestamp(millis)",
            Self::TimestampSeconds => "timestamp(seconds)",
            Self::Date => "date",
            Self::Time => "time",
            Self::Json => "json",
        }
    }

    /// The scalar type that a word of another language means.
    pub(super) fn meant_by(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "str" | "text" | "varchar" | "char" => Self::String,
            "boolean" => Self::Bool,
            "byte" => Self::U8,
            "short" | "int16" => Self::I16,
            "int32" => Self::I32,
            "int" | "integer" | "long" | "int64" | "bigint" | "isize" | "i128" => Self::I64,
            "uint16" => Self::U16,
            "uint32" => Self::U32,
            "uint" | "uint64" | "usize" | "u128" => Self::U64,
            "float32" => Self::F32,
            "float" | "double" | "float64" | "number" => Self::F64,
            "numeric" | "money" | "bigdecimal" | "decimal(text)" | "decimal(string)" => Self::Decimal,
            "decimal(json)" | "decimal(float)" => Self::DecimalNumber,
            "binary" | "blob" | "bytea" => Self::Bytes,
            "guid" | "uuid4" => Self::Uuid,
            "datetime" | "date-time" | "instant" | "timestamptz" => Self::Timestamp,
            "timestamp(ms)" | "timestamp(milliseconds)" | "millis" | "timestamp_millis" => Self::TimestampMillis,
            "timestamp(s)" | "timestamp(unix)" | "timestamp(epoch)" | "epoch" | "unix" => Self::TimestampSeconds,
            "any" | "object" | "value" | "jsonb" => Self::Json,
            _ => return None,
        })
    }
}
