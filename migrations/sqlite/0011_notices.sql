-- A contact whom an engineer has verified may confirm notices that divert alerts before the 72 hours are over.
ALTER TABLE memberships ADD COLUMN verified_by BLOB REFERENCES people (id);
ALTER TABLE memberships ADD COLUMN verified_at TEXT;
ALTER TABLE memberships ADD COLUMN verified_how TEXT;

-- A notice names the server, not the case in which it is in use.
CREATE INDEX cases_by_server ON cases (server_id, number);
