//! Which letter: the same id may lie in several partitions.

use std::{fmt, str::FromStr};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LetterId {
    /// `None`: in whichever partition it lies, if that is one.
    pub partition: Option<u32>,
    /// Its id among the dead letters.
    pub id: String,
}

impl LetterId {
    pub fn anywhere(id: impl Into<String>) -> Self {
        Self {
            partition: None,
            id: id.into(),
        }
    }
}

/// `1/1731-0`, or `1731-0` anywhere.
impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(partition) = self.partition {
            write!(f, "{partition}/")?;
        }
        f.write_str(&self.id)
    }
}

impl FromStr for LetterId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((partition, id)) = text.split_once('/') else {
            return Ok(Self::anywhere(text));
        };
        let partition = partition.parse().map_err(|_| {
            format!("{partition:?} is no partition; expected 1731-0, or 1/1731-0 in partition 1")
        })?;
        Ok(Self {
            partition: Some(partition),
            id: id.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_is_written() {
        for text in ["1731-0", "0/1731-0", "12/1731-9"] {
            let id: LetterId = text.parse().expect("an id");
            assert_eq!(id.to_string(), text);
        }
        assert!("x/1731-0".parse::<LetterId>().is_err());
    }
}
