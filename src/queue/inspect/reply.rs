//! Takes replies apart whose shape differs between RESP2 and RESP3.

use redis::{RedisError, RedisResult, Value};

/// The replies of a pipeline, in the order of its commands.
pub(super) struct Replies(std::vec::IntoIter<Value>);

impl Replies {
    /// Runs the pipeline; errors of single commands stay in their place.
    pub(super) async fn of(
        pipe: &mut redis::Pipeline,
        connection: &mut impl redis::aio::ConnectionLike,
    ) -> RedisResult<Self> {
        if pipe.is_empty() {
            return Ok(Self(Vec::new().into_iter()));
        }
        let values: Vec<Value> = match pipe.ignore_errors().query_async(connection).await? {
            Value::Array(values) => values,
            other => vec![other],
        };
        Ok(Self(values.into_iter()))
    }

    /// The next reply; a server's refusal to answer at all (LOADING, NOAUTH) is an error.
    pub(super) fn take(&mut self) -> RedisResult<Value> {
        match self.0.next() {
            Some(Value::ServerError(error)) => Err(RedisError::from(error)),
            Some(value) => Ok(value),
            None => Ok(Value::Nil),
        }
    }

    /// The next reply, or nil where the key or the group doesn't exist.
    pub(super) fn take_or_nil(&mut self) -> RedisResult<Value> {
        match self.take() {
            Err(e) if missing(&e) => Ok(Value::Nil),
            other => other,
        }
    }

    /// As [`Self::take_or_nil`], and nil too where the key has become something else than a stream.
    pub(super) fn take_or_other(&mut self) -> RedisResult<Value> {
        match self.take_or_nil() {
            Err(e) if e.code() == Some("WRONGTYPE") => Ok(Value::Nil),
            other => other,
        }
    }
}

/// The bytes of a string; empty for what is none.
pub(super) fn raw(value: Value) -> Vec<u8> {
    match value {
        Value::BulkString(bytes) => bytes,
        Value::SimpleString(s) => s.into_bytes(),
        _ => Vec::new(),
    }
}

/// `XINFO` of a key that isn't there is an error, not nil.
pub(super) fn missing(error: &RedisError) -> bool {
    error.code() == Some("NOGROUP")
        || error
            .detail()
            .is_some_and(|d| d.contains("no such key") || d.contains("No such key"))
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(s) | Value::VerbatimString { text: s, .. } => s.clone(),
        Value::Okay => "OK".to_owned(),
        Value::Int(n) => n.to_string(),
        Value::Double(d) => d.to_string(),
        _ => String::new(),
    }
}

/// `None` for nil and for what isn't a number.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(n) => u64::try_from(*n).ok(),
        Value::Double(d) if *d >= 0.0 => Some(*d as u64),
        Value::BulkString(_) | Value::SimpleString(_) => {
            let text = text(value);
            text.parse()
                .ok()
                .or_else(|| text.parse::<f64>().ok().map(|d| d.max(0.0) as u64))
        }
        _ => None,
    }
}

pub(super) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        _ => Vec::new(),
    }
}

/// Names and values, from a map, a flat array, or an array of pairs.
pub(super) fn pairs(value: Value) -> Vec<(Value, Value)> {
    match value {
        Value::Map(pairs) => pairs,
        Value::Array(items) if matches!(items.first(), Some(Value::Array(_))) => items
            .into_iter()
            .filter_map(|pair| match pair {
                Value::Array(two) => <[Value; 2]>::try_from(two).ok().map(|[a, b]| (a, b)),
                _ => None,
            })
            .collect(),
        Value::Array(items) => {
            let mut pairs = Vec::with_capacity(items.len() / 2);
            let mut items = items.into_iter();
            while let (Some(name), Some(value)) = (items.next(), items.next()) {
                pairs.push((name, value));
            }
            pairs
        }
        _ => Vec::new(),
    }
}

/// The value of one field of an `XINFO` reply.
pub(super) fn field<'a>(pairs: &'a [(Value, Value)], name: &str) -> Option<&'a Value> {
    pairs.iter().find(|(n, _)| text(n) == name).map(|(_, v)| v)
}

pub(super) fn field_number(pairs: &[(Value, Value)], name: &str) -> Option<u64> {
    field(pairs, name).and_then(number)
}

pub(super) fn field_text(pairs: &[(Value, Value)], name: &str) -> String {
    field(pairs, name).map(text).unwrap_or_default()
}

/// An entry of `XRANGE`: its id and its fields; no fields when the body is gone.
pub(super) fn entry(value: Value) -> Option<(String, Vec<(String, String)>)> {
    let mut parts = list(value).into_iter();
    let id = text(&parts.next()?);
    let fields = pairs(parts.next().unwrap_or(Value::Nil));
    Some((id, fields.iter().map(|(n, v)| (text(n), text(v))).collect()))
}

/// The milliseconds of a stream id; 0 for what is none.
pub(super) fn id_ms(id: &str) -> u64 {
    id.split('-')
        .next()
        .and_then(|ms| ms.parse().ok())
        .unwrap_or(0)
}

/// A stream id as a pair of numbers, so that ids can be compared.
pub(crate) fn id_pair(id: &str) -> (u64, u64) {
    let mut parts = id.split('-').map(|n| n.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
