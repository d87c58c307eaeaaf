-- Addresses that differ only in capitals are one user's. Not unique: older tables may hold both spellings, and
-- what writes users looks here first.
CREATE INDEX users_folded_email ON users (LOWER(email));
