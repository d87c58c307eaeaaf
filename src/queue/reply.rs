//! Replies of the stream commands, parsed by hand: the hot path builds no hash maps.

use redis::{ErrorKind, RedisError, RedisResult, Value};

use super::{Broken, Entry};

/// A stream id, ordered as Redis orders it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub ms: u64,
    pub seq: u64,
}

impl StreamId {
    /// `None` when it is not of the form `ms-seq`.
    pub fn parse(id: &str) -> Option<Self> {
        let (ms, seq) = id.split_once('-')?;
        Some(Self {
            ms: ms.parse().ok()?,
            seq: seq.parse().ok()?,
        })
    }
}

/// One row of XPENDING's long form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEntry {
    pub id: String,
    pub consumer: String,
    pub idle_ms: u64,
    pub deliveries: u64,
}

pub(super) fn unexpected(what: &'static str) -> RedisError {
    (ErrorKind::UnexpectedReturnType, what).into()
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(s) => Some(s.clone()),
        Value::Int(n) => Some(n.to_string()),
        _ => None,
    }
}

pub(super) fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}

pub(super) fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) | Value::Set(items) => Some(items),
        _ => None,
    }
}

/// `[[id, [name, value, …]], …]`, as XRANGE and each stream of XREADGROUP answer.
pub(super) fn entries(value: Value, partition: u32) -> RedisResult<Vec<Entry>> {
    let items = match value {
        Value::Nil => return Ok(Vec::new()),
        other => array(other).ok_or_else(|| unexpected("a list of entries"))?,
    };
    items
        .into_iter()
        .map(|item| {
            let mut parts = array(item)
                .ok_or_else(|| unexpected("an entry"))?
                .into_iter();
            let id = parts
                .next()
                .as_ref()
                .and_then(text)
                .ok_or_else(|| unexpected("an entry's id"))?;
            Ok(entry(partition, id, parts.next()))
        })
        .collect()
}

/// XREADGROUP on one stream; empty when the time ran out.
pub(super) fn read_group(value: Value, partition: u32) -> RedisResult<Vec<Entry>> {
    let entries_of_first = match value {
        Value::Nil => return Ok(Vec::new()),
        Value::Map(mut pairs) if !pairs.is_empty() => pairs.swap_remove(0).1,
        other => {
            let streams = array(other).ok_or_else(|| unexpected("streams of XREADGROUP"))?;
            let first = streams.into_iter().next().and_then(array);
            match first {
                Some(mut pair) if pair.len() == 2 => pair.swap_remove(1),
                _ => return Err(unexpected("a stream of XREADGROUP")),
            }
        }
    };
    entries(entries_of_first, partition)
}

/// `{id, crashes, fields}` as our scripts answer; the fields may be missing.
pub(super) fn claimed(value: Value, partition: u32) -> RedisResult<Entry> {
    let mut parts = array(value)
        .ok_or_else(|| unexpected("a claimed entry"))?
        .into_iter();
    let id = parts
        .next()
        .as_ref()
        .and_then(text)
        .ok_or_else(|| unexpected("an entry's id"))?;
    let crashes = parts.next().as_ref().and_then(int).unwrap_or(0);
    let mut entry = entry(partition, id, parts.next());
    entry.crashes = u32::try_from(crashes).unwrap_or(0);
    Ok(entry)
}

pub(super) fn pending(value: Value) -> RedisResult<Vec<PendingEntry>> {
    let rows = array(value).ok_or_else(|| unexpected("rows of XPENDING"))?;
    rows.into_iter()
        .map(|row| {
            let row = array(row)
                .filter(|r| r.len() >= 4)
                .ok_or_else(|| unexpected("a row of XPENDING"))?;
            Ok(PendingEntry {
                id: text(&row[0]).ok_or_else(|| unexpected("an id of XPENDING"))?,
                consumer: text(&row[1]).ok_or_else(|| unexpected("a consumer of XPENDING"))?,
                idle_ms: int(&row[2])
                    .and_then(|n| u64::try_from(n).ok())
                    .unwrap_or(0),
                deliveries: int(&row[3])
                    .and_then(|n| u64::try_from(n).ok())
                    .unwrap_or(0),
            })
        })
        .collect()
}

/// Consumer → pending entries, from XPENDING's short form.
pub(super) fn pending_summary(value: Value) -> RedisResult<Vec<(String, u64)>> {
    let parts = array(value)
        .filter(|p| p.len() == 4)
        .ok_or_else(|| unexpected("summary of XPENDING"))?;
    let Some(consumers) = parts.into_iter().nth(3).and_then(array) else {
        return Ok(Vec::new());
    };
    consumers
        .into_iter()
        .map(|row| {
            let row = array(row)
                .filter(|r| r.len() == 2)
                .ok_or_else(|| unexpected("a consumer of XPENDING"))?;
            match (text(&row[0]), int(&row[1])) {
                (Some(name), Some(n)) => Ok((name, u64::try_from(n).unwrap_or(0))),
                _ => Err(unexpected("a consumer of XPENDING")),
            }
        })
        .collect()
}

fn entry(partition: u32, id: String, fields: Option<Value>) -> Entry {
    let mut entry = Entry {
        partition,
        id,
        attempt: 1,
        round: 1,
        ..Entry::default()
    };
    let Some(fields) = fields.and_then(array).filter(|f| !f.is_empty()) else {
        entry.broken = Some(Box::new(Broken {
            reason: "its body was removed from the stream".to_owned(),
            fields: Vec::new(),
        }));
        return entry;
    };
    let mut problem = None;
    for pair in fields.chunks_exact(2) {
        if let Err(reason) = set_field(&mut entry, &pair[0], &pair[1]) {
            problem.get_or_insert(reason);
        }
    }
    // Without these no handler can read it, and what else it holds must not be lost.
    for (name, value) in [("type", &entry.kind), ("data", &entry.data)] {
        if value.is_empty() {
            problem.get_or_insert_with(|| format!("no field {name:?}"));
        }
    }
    if let Some(reason) = problem {
        entry.broken = Some(Box::new(Broken {
            reason,
            fields: fields
                .chunks_exact(2)
                .map(|pair| (bytes(&pair[0]), bytes(&pair[1])))
                .collect(),
        }));
    }
    entry
}

fn set_field(entry: &mut Entry, name: &Value, value: &Value) -> Result<(), String> {
    let (Value::BulkString(name), Value::BulkString(value)) = (name, value) else {
        return Err("a field is not a string".to_owned());
    };
    let known = |value: &[u8], field: &str| {
        String::from_utf8(value.to_vec()).map_err(|_| format!("field {field:?} is not valid UTF-8"))
    };
    let number = |value: &[u8], field: &str| {
        std::str::from_utf8(value)
            .ok()
            .and_then(|v| v.parse::<u32>().ok())
            .filter(|n| *n >= 1)
            .ok_or_else(|| format!("field {field:?} is not a number from 1"))
    };
    match name.as_slice() {
        b"type" => entry.kind = known(value, "type")?,
        b"flow" => entry.flow = known(value, "flow")?,
        b"data" => entry.data = known(value, "data")?,
        b"attempt" => entry.attempt = number(value, "attempt")?,
        b"round" => entry.round = number(value, "round")?,
        b"trace" => entry.trace = Some(known(value, "trace")?),
        // A field of a newer build is carried by nobody and hurts nobody.
        _ => {}
    }
    Ok(())
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::BulkString(bytes) => bytes.clone(),
        other => text(other).unwrap_or_default().into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(s: &[u8]) -> Value {
        Value::BulkString(s.to_vec())
    }

    #[test]
    fn an_entry_keeps_its_fields() {
        let value = Value::Array(vec![Value::Array(vec![
            bulk(b"5-1"),
            Value::Array(vec![
                bulk(b"data"),
                bulk(b"{}"),
                bulk(b"type"),
                bulk(b"a.b"),
                bulk(b"attempt"),
                bulk(b"3"),
            ]),
        ])]);
        let found = entries(value, 2).expect("an entry");
        assert_eq!(found[0].kind, "a.b");
        assert_eq!(
            (found[0].attempt, found[0].round, found[0].partition),
            (3, 1, 2)
        );
        assert!(found[0].broken.is_none());
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_as_they_were() {
        let value = Value::Array(vec![Value::Array(vec![
            bulk(b"5-1"),
            Value::Array(vec![bulk(b"data"), bulk(&[0xff, 0xfe])]),
        ])]);
        let found = entries(value, 0).expect("an entry");
        let broken = found[0].broken.as_ref().expect("broken");
        assert!(broken.reason.contains("\"data\""));
        assert_eq!(broken.fields, vec![(b"data".to_vec(), vec![0xff, 0xfe])]);
    }

    #[test]
    fn an_entry_without_a_type_keeps_all_its_fields() {
        let fields = Value::Array(vec![bulk(b"nothing"), bulk(b"here")]);
        let value = Value::Array(vec![Value::Array(vec![bulk(b"5-1"), fields])]);
        let found = entries(value, 0).expect("an entry");
        let broken = found[0].broken.as_ref().expect("broken");
        assert_eq!(broken.reason, "no field \"type\"");
        assert_eq!(broken.fields, vec![(b"nothing".to_vec(), b"here".to_vec())]);
    }

    #[test]
    fn ids_order_as_numbers() {
        assert!(StreamId::parse("9-2") < StreamId::parse("10-1"));
        assert_eq!(StreamId::parse("9"), None);
    }
}
