-- Sessions as their owners see them. proved_at is when the person last showed who it is; a session that waits for a code
-- opens nothing but the page that takes it.
ALTER TABLE sessions ADD COLUMN address TEXT;
ALTER TABLE sessions ADD COLUMN browser TEXT;
ALTER TABLE sessions ADD COLUMN proved_at TIMESTAMPTZ;
ALTER TABLE sessions ADD COLUMN waits_for_code BOOLEAN NOT NULL DEFAULT FALSE;

-- What failures are counted under is many times more than accounts are, so it is swept.
CREATE INDEX sign_in_failures_by_age ON sign_in_failures (next_at);

-- The second factor of a person (RFC 6238). The key is sealed; last_step is the time step of the last code that was
-- accepted, so that each is accepted once. Without confirmed_at nobody has shown yet that it works.
CREATE TABLE second_factors (
    person_id UUID PRIMARY KEY REFERENCES people (id),
    id UUID NOT NULL,
    key_id TEXT NOT NULL,
    nonce BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    last_step BIGINT NOT NULL,
    made_at TIMESTAMPTZ NOT NULL,
    confirmed_at TIMESTAMPTZ
);
CREATE TABLE recovery_codes (
    code_hash BYTEA PRIMARY KEY,
    person_id UUID NOT NULL REFERENCES people (id),
    made_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX recovery_codes_by_person ON recovery_codes (person_id);

-- What happened to an account: signing in, passwords, factors, sessions that somebody ended.
CREATE TABLE account_events (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL REFERENCES people (id),
    at TIMESTAMPTZ NOT NULL,
    what TEXT NOT NULL,
    by_id UUID REFERENCES people (id),
    address TEXT
);
CREATE INDEX account_events_by_person ON account_events (person_id, at);
CREATE INDEX account_events_by_age ON account_events (at);

-- Mail that was dealt with, or that nobody dealt with, is forgotten by its age.
CREATE INDEX incoming_mail_by_age ON incoming_mail (at);
CREATE INDEX incoming_mail_by_sender ON incoming_mail (sender, at);
