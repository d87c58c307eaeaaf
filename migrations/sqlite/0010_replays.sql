-- A delivery that was decided on again: the counter under which Redis has it until it has heard of that. Only the
-- few rows that wait to be told are in the index, and no update of a mail touches its column.
ALTER TABLE deliveries ADD COLUMN moved_from TEXT;
-- What is sent instead of the user's own data: an operator has edited the dead letter.
ALTER TABLE deliveries ADD COLUMN again_with TEXT;
-- A line for each attempt that didn't succeed: round, attempt, time, code, answer.
ALTER TABLE deliveries ADD COLUMN history TEXT;
CREATE INDEX deliveries_moved ON deliveries (campaign_id, user_id) WHERE moved_from IS NOT NULL;
