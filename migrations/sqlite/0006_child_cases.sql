-- A case that was begun by another one, its parent, and belongs to it. Checked at the end of a transaction, so that a restore
-- may write rows in any order.
ALTER TABLE cases ADD COLUMN parent INTEGER REFERENCES cases (number) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX cases_by_parent ON cases (parent, number) WHERE parent IS NOT NULL;
