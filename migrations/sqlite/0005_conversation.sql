-- Files of a conversation. A file without a message is a draft of whoever uploaded it. The bytes stand here, so that one
-- backup holds them too.
CREATE TABLE attachments (
    customer_id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    id BLOB NOT NULL,
    at TEXT NOT NULL,
    uploader_id BLOB NOT NULL REFERENCES people (id),
    message_id BLOB,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (customer_id, case_id, id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
) STRICT;
CREATE INDEX attachments_drafts ON attachments (at) WHERE message_id IS NULL;

-- Texts that engineers begin a message with, filled with the values of a case.
CREATE TABLE ready_texts (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    changed_by BLOB NOT NULL REFERENCES people (id)
) STRICT;

-- Mail that came in, as it came (cut where it was too large to keep). Without a case it waits for an engineer.
CREATE TABLE incoming_mail (
    id BLOB NOT NULL PRIMARY KEY,
    at TEXT NOT NULL,
    fingerprint BLOB NOT NULL UNIQUE,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    reason TEXT NOT NULL,
    is_waiting INTEGER NOT NULL,
    customer_id BLOB,
    case_id BLOB,
    message_id BLOB,
    settled_at TEXT,
    settled_by BLOB REFERENCES people (id),
    size INTEGER NOT NULL,
    raw BLOB NOT NULL,
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
) STRICT;
CREATE INDEX incoming_mail_waiting ON incoming_mail (at) WHERE is_waiting;
CREATE INDEX incoming_mail_by_case ON incoming_mail (customer_id, case_id);
