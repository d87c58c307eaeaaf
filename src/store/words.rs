//! Enums that are words: in a column, in JSON, on a command line.

/// Defines an enum whose variants are words, with `as_str`, `ALL`, `Display`, `FromStr` and serde.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("{word:?} is not one of {}", [$($word),+].join(", "))),
                }
            }
        }
    };
}

pub(super) use words;

/// Reads a word from a column.
pub(super) fn word<T>(row: &sqlx::any::AnyRow, column: &'static str) -> sqlx::Result<T>
where
    T: std::str::FromStr<Err = String>,
{
    use sqlx::Row;
    let text: &str = row.try_get(column)?;
    text.parse()
        .map_err(|error: String| sqlx::Error::ColumnDecode {
            index: column.to_owned(),
            source: error.into(),
        })
}
