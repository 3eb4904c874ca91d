-- Addresses at which programs of the vendor are told what happens. Nothing is sent while off_since is set; failing_since
-- is the first of a row of failures that no success has ended; rests_until is what the receiver asked for.
CREATE TABLE webhook_endpoints (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    url TEXT NOT NULL,
    owner_id UUID NOT NULL REFERENCES people (id),
    made_at TIMESTAMPTZ NOT NULL,
    off_since TIMESTAMPTZ,
    off_why TEXT CHECK (off_why IN ('person', 'gone', 'failing')),
    failing_since TIMESTAMPTZ,
    rests_until TIMESTAMPTZ,
    tried_at TIMESTAMPTZ NOT NULL,
    lease_owner TEXT,
    lease_until TIMESTAMPTZ
);

CREATE TABLE webhook_subscriptions (
    endpoint_id UUID NOT NULL REFERENCES webhook_endpoints (id),
    topic TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, topic)
);
CREATE INDEX webhook_subscriptions_by_topic ON webhook_subscriptions (topic, endpoint_id);

-- Keys that messages are signed with, sealed. One that was replaced signs until ends_at.
CREATE TABLE webhook_secrets (
    id UUID NOT NULL PRIMARY KEY,
    endpoint_id UUID NOT NULL REFERENCES webhook_endpoints (id),
    key_id TEXT NOT NULL,
    nonce BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    made_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ
);
CREATE INDEX webhook_secrets_by_endpoint ON webhook_secrets (endpoint_id, made_at);

-- What happened, in the words that are sent: every try sends the same bytes under the same id.
CREATE TABLE webhook_events (
    id UUID NOT NULL PRIMARY KEY,
    topic TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX webhook_events_by_age ON webhook_events (at);

-- One event for one endpoint. attempts counts all tries, tries those since it was put on its way last.
CREATE TABLE webhook_deliveries (
    endpoint_id UUID NOT NULL REFERENCES webhook_endpoints (id),
    event_id UUID NOT NULL REFERENCES webhook_events (id),
    at TIMESTAMPTZ NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed', 'missed')),
    attempts BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    not_before TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (endpoint_id, event_id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, not_before) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_undone ON webhook_deliveries (endpoint_id, at) WHERE state IN ('failed', 'missed');
CREATE INDEX webhook_deliveries_by_event ON webhook_deliveries (event_id);

-- One try. It is written before anything is sent, so one without an outcome was cut off.
CREATE TABLE webhook_attempts (
    endpoint_id UUID NOT NULL,
    event_id UUID NOT NULL,
    number BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    took_ms BIGINT,
    status BIGINT,
    error TEXT,
    answer TEXT,
    PRIMARY KEY (endpoint_id, event_id, number),
    FOREIGN KEY (endpoint_id, event_id) REFERENCES webhook_deliveries (endpoint_id, event_id)
);
CREATE INDEX webhook_attempts_by_event ON webhook_attempts (event_id);

-- Mail to one person that belongs to no case. The key is the same for every try; not_before is empty once it was sent or
-- given up.
CREATE TABLE personal_mails (
    mail_key TEXT NOT NULL PRIMARY KEY,
    person_id UUID NOT NULL REFERENCES people (id),
    template TEXT NOT NULL,
    payload JSONB NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    not_before TIMESTAMPTZ,
    attempts BIGINT NOT NULL,
    last_error TEXT
);
CREATE INDEX personal_mails_due ON personal_mails (not_before) WHERE not_before IS NOT NULL;
CREATE INDEX personal_mails_by_person ON personal_mails (person_id, asked_at);
CREATE INDEX personal_mails_by_age ON personal_mails (asked_at);
