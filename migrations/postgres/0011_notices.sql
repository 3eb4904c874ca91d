-- A contact whom an engineer has verified may confirm notices that divert alerts before the 72 hours are over.
ALTER TABLE memberships ADD COLUMN verified_by UUID REFERENCES people (id);
ALTER TABLE memberships ADD COLUMN verified_at TIMESTAMPTZ;
ALTER TABLE memberships ADD COLUMN verified_how TEXT;

-- A notice names the server, not the case in which it is in use.
CREATE INDEX cases_by_server ON cases (server_id, number);
