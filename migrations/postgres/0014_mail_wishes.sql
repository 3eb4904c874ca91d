-- The zone in which times are written to a person; UTC where none is set.
ALTER TABLE people ADD COLUMN time_zone TEXT;

-- What somebody wants at once, once a day, or not at all. What does not stand here is sent at once.
CREATE TABLE mail_wishes (
    person_id UUID NOT NULL REFERENCES people (id),
    about TEXT NOT NULL,
    wish TEXT NOT NULL CHECK (wish IN ('now', 'daily', 'none')),
    PRIMARY KEY (person_id, about)
);

-- Lines of mails of the day. Each belongs to one mail from the moment at which it was written.
CREATE TABLE digest_lines (
    line_key TEXT NOT NULL PRIMARY KEY,
    mail_key TEXT NOT NULL REFERENCES personal_mails (mail_key),
    customer_id UUID NOT NULL,
    case_id UUID NOT NULL,
    headline TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
);
CREATE INDEX digest_lines_by_mail ON digest_lines (mail_key, at);
