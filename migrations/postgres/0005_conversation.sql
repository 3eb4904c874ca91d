-- Files of a conversation. A file without a message is a draft of whoever uploaded it. The bytes stand here, so that one
-- backup holds them too.
CREATE TABLE attachments (
    customer_id UUID NOT NULL,
    case_id UUID NOT NULL,
    id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    uploader_id UUID NOT NULL REFERENCES people (id),
    message_id UUID,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    size BIGINT NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (customer_id, case_id, id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
);
CREATE INDEX attachments_drafts ON attachments (at) WHERE message_id IS NULL;

-- Texts that engineers begin a message with, filled with the values of a case.
CREATE TABLE ready_texts (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    changed_by UUID NOT NULL REFERENCES people (id)
);

-- Mail that came in, as it came (cut where it was too large to keep). Without a case it waits for an engineer.
CREATE TABLE incoming_mail (
    id UUID PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    fingerprint BYTEA NOT NULL UNIQUE,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    reason TEXT NOT NULL,
    is_waiting BOOLEAN NOT NULL,
    customer_id UUID,
    case_id UUID,
    message_id UUID,
    settled_at TIMESTAMPTZ,
    settled_by UUID REFERENCES people (id),
    size BIGINT NOT NULL,
    raw BYTEA NOT NULL,
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
);
CREATE INDEX incoming_mail_waiting ON incoming_mail (at) WHERE is_waiting;
CREATE INDEX incoming_mail_by_case ON incoming_mail (customer_id, case_id);
