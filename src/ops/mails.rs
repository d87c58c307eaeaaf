//! Single mails: written down, then queued for email-service.

use super::{
    OpsError,
    repeatable::{checked_key, key_reused},
};
use crate::{
    event::{EmailRequested, Event},
    queue::{self, Redis},
    store::{AddedMail, NewMail, Store},
};

/// Answers with the mail's id when it is both written and queued. With an idempotency key it may be
/// repeated: the ledger sends it once.
///
/// # Errors
/// When the key was used for another mail, or SQL or Redis is away.
pub(crate) async fn queue(store: &Store, redis: &Redis, new: NewMail) -> Result<i64, OpsError> {
    checked_key(new.idempotency_key.as_deref())?;
    let id = match store.add_mail(&new).await? {
        AddedMail::New(id) | AddedMail::Replayed(id) => id,
        AddedMail::KeyReused => return Err(key_reused("mail")),
    };
    let event = EmailRequested::single(id, new.address, new.name);
    let partition = u32::try_from(id.rem_euclid(i64::from(redis.keys().partitions()))).unwrap_or(0);
    let (stream, kind) = (EmailRequested::STREAM, EmailRequested::TYPE);
    queue::publish(redis, partition, stream, kind, &event.to_data()).await?;
    Ok(id)
}
