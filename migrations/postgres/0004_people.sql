-- Letters about an account, which belong to no case: an invitation, or a link for a new password. One for each person; the
-- link itself is made when the letter is sent and never stored. Without not_before nothing is to be sent: it was sent, or
-- given up for the last error.
CREATE TABLE letters (
    person_id UUID PRIMARY KEY REFERENCES people (id),
    letter_key UUID NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    not_before TIMESTAMPTZ,
    attempts BIGINT NOT NULL,
    last_error TEXT
);
CREATE INDEX letters_due ON letters (not_before) WHERE not_before IS NOT NULL;
CREATE INDEX one_time_links_by_person ON one_time_links (person_id);
CREATE INDEX api_tokens_by_person ON api_tokens (person_id);

-- What a customer calls the list of senders it lets in; NULL where it is called as everywhere.
ALTER TABLE customers ADD COLUMN list_word TEXT;

-- The cases that a leaver hands over.
CREATE INDEX cases_of_opener ON cases (opened_by) WHERE is_open;
CREATE INDEX cases_of_claimant ON cases (claimed_by) WHERE is_open;
