-- Times are milliseconds since 1970, UTC.
CREATE TABLE users (
    id            INTEGER PRIMARY KEY,
    email         TEXT    NOT NULL UNIQUE,
    first_name    TEXT    NOT NULL,
    last_name     TEXT    NOT NULL,
    status        TEXT    NOT NULL CHECK (status IN ('active', 'inactive')),
    created_at_ms BIGINT  NOT NULL
);

CREATE TABLE campaigns (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    name              TEXT    NOT NULL,
    subject           TEXT    NOT NULL,
    text_template     TEXT    NOT NULL,
    html_template     TEXT    NOT NULL,
    status            TEXT    NOT NULL CHECK (status IN ('scheduled', 'running', 'paused', 'finished', 'cancelled', 'lost')),
    reason            TEXT,
    -- Counts every change of status; Redis has heard of all up to mirrored_revision.
    revision          BIGINT  NOT NULL,
    mirrored_revision BIGINT  NOT NULL,
    epoch             BIGINT  NOT NULL,
    -- The greatest user id when the campaign was accepted.
    audience          BIGINT  NOT NULL,
    in_doubt          TEXT    NOT NULL CHECK (in_doubt IN ('resend', 'hold')),
    idempotency_key   TEXT    UNIQUE,
    body_hash         TEXT    NOT NULL,
    created_at_ms     BIGINT  NOT NULL,
    started_at_ms     BIGINT,
    finished_at_ms    BIGINT,
    -- The final totals.
    queued            BIGINT  NOT NULL DEFAULT 0,
    accepted          BIGINT  NOT NULL DEFAULT 0,
    failed            BIGINT  NOT NULL DEFAULT 0,
    suppressed        BIGINT  NOT NULL DEFAULT 0,
    cancelled         BIGINT  NOT NULL DEFAULT 0,
    in_doubt_count    BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX campaigns_by_status ON campaigns (status);

-- What is still to be published to Redis, one row a partition.
CREATE TABLE outbox (
    campaign_id     BIGINT NOT NULL,
    partition       BIGINT NOT NULL,
    kind            TEXT   NOT NULL CHECK (kind IN ('fanout', 'replay')),
    created_at_ms   BIGINT NOT NULL,
    published_at_ms BIGINT,
    closed_at_ms    BIGINT,
    PRIMARY KEY (campaign_id, partition, kind)
) WITHOUT ROWID;
CREATE INDEX outbox_open ON outbox (created_at_ms) WHERE closed_at_ms IS NULL;

-- The ledger: who got what. Single mails belong to campaign 0, and user_id is the mail's id.
CREATE TABLE deliveries (
    campaign_id    BIGINT NOT NULL,
    user_id        BIGINT NOT NULL,
    channel        TEXT   NOT NULL,
    status         TEXT   NOT NULL,
    owner          TEXT   NOT NULL,
    attempt        BIGINT NOT NULL,
    round          BIGINT NOT NULL,
    in_doubt_count BIGINT NOT NULL DEFAULT 0,
    code           BIGINT,
    answer         TEXT,
    message_id     TEXT   NOT NULL,
    due_at_ms      BIGINT,
    created_at_ms  BIGINT NOT NULL,
    updated_at_ms  BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, user_id, channel)
) WITHOUT ROWID;

-- Mails that belong to no campaign.
CREATE TABLE mails (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    address         TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    text            TEXT    NOT NULL,
    html            TEXT,
    idempotency_key TEXT    UNIQUE,
    body_hash       TEXT    NOT NULL,
    created_at_ms   BIGINT  NOT NULL
);
