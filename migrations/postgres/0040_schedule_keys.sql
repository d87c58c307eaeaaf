-- A request for a schedule may be repeated: the same key and body are the same schedule.
ALTER TABLE schedules ADD COLUMN idempotency_key TEXT;
-- Of the request's body, to tell a repetition from another use of the key.
ALTER TABLE schedules ADD COLUMN body_hash TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX schedules_by_key ON schedules (idempotency_key);
