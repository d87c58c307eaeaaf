-- Words that are kept under a name. A version is never changed; saving other words makes the next one.
CREATE TABLE templates (
    name          TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    subject       TEXT   NOT NULL,
    -- Empty: the text is taken from the HTML.
    text          TEXT   NOT NULL,
    -- Empty: a plain mail.
    html          TEXT   NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (name, version)
);

-- When it is to start, or was; for a schedule's campaign the planned time.
ALTER TABLE campaigns ADD COLUMN start_at_ms BIGINT;
ALTER TABLE campaigns ADD COLUMN schedule_id BIGINT;
-- Where its words came from.
ALTER TABLE campaigns ADD COLUMN template_name TEXT;
ALTER TABLE campaigns ADD COLUMN template_version BIGINT;
-- Its own merge fields, a JSON object.
ALTER TABLE campaigns ADD COLUMN variables TEXT NOT NULL DEFAULT '{}';
CREATE INDEX campaigns_to_start ON campaigns (start_at_ms) WHERE status = 'scheduled';

CREATE TABLE schedules (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    name             TEXT   NOT NULL,
    cron             TEXT   NOT NULL,
    zone             TEXT   NOT NULL,
    misfire          TEXT   NOT NULL CHECK (misfire IN ('skip', 'once', 'all')),
    misfire_cap      BIGINT NOT NULL,
    -- What its campaigns say.
    subject          TEXT   NOT NULL,
    text_template    TEXT   NOT NULL,
    html_template    TEXT   NOT NULL,
    template_name    TEXT,
    template_version BIGINT,
    variables        TEXT   NOT NULL,
    in_doubt         TEXT   NOT NULL CHECK (in_doubt IN ('resend', 'hold')),
    status           TEXT   NOT NULL CHECK (status IN ('active', 'paused', 'ended')),
    -- Why it is not active, where it isn't plain.
    reason           TEXT,
    -- Counts the changes by operators.
    revision         BIGINT NOT NULL,
    -- The planned time of the next start; null when it is not active.
    next_at_ms       BIGINT,
    created_at_ms    BIGINT NOT NULL
);
CREATE INDEX schedules_due ON schedules (next_at_ms) WHERE status = 'active';

-- What became of each planned time.
CREATE TABLE fires (
    schedule_id   BIGINT NOT NULL,
    planned_at_ms BIGINT NOT NULL,
    -- Of several that were left out, the last.
    until_ms      BIGINT NOT NULL,
    outcome       TEXT   NOT NULL CHECK (outcome IN ('started', 'skipped', 'asked')),
    campaign_id   BIGINT,
    fired_at_ms   BIGINT NOT NULL,
    PRIMARY KEY (schedule_id, planned_at_ms)
) WITHOUT ROWID;
