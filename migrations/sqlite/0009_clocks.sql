-- Calendars of the vendor and its customers. Hours are lines such as "mon-fri 09:00-17:00", local time of the zone.
CREATE TABLE calendars (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    time_zone TEXT NOT NULL,
    hours TEXT NOT NULL,
    is_vendor INTEGER NOT NULL,
    changed_at TEXT NOT NULL,
    changed_by BLOB REFERENCES people (id)
) STRICT;
CREATE UNIQUE INDEX calendars_of_vendor ON calendars (is_vendor) WHERE is_vendor;

CREATE TABLE holidays (
    calendar_id BLOB NOT NULL REFERENCES calendars (id),
    day TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (calendar_id, day)
) STRICT;

ALTER TABLE customers ADD COLUMN calendar_id BLOB REFERENCES calendars (id);
CREATE INDEX customers_by_calendar ON customers (calendar_id) WHERE calendar_id IS NOT NULL;

-- What the vendor promises for each priority, from a date on. Rows are added and never changed.
CREATE TABLE policy_rows (
    id BLOB NOT NULL PRIMARY KEY,
    priority TEXT NOT NULL CHECK (priority IN ('P1', 'P2', 'P3', 'P4')),
    valid_from TEXT NOT NULL,
    first_answer TEXT NOT NULL,
    next_update TEXT NOT NULL,
    done TEXT NOT NULL,
    made_at TEXT NOT NULL,
    made_by BLOB REFERENCES people (id)
) STRICT;
CREATE INDEX policy_rows_in_force ON policy_rows (priority, valid_from, made_at);

-- Promises of single cases: the rule, what of it has passed, and how it ended. A stopped one has no due time.
CREATE TABLE objectives (
    customer_id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    objective TEXT NOT NULL CHECK (objective IN ('first_answer', 'next_update', 'done')),
    span TEXT NOT NULL,
    calendar_id BLOB REFERENCES calendars (id),
    started_at TEXT NOT NULL,
    running_since TEXT,
    used_s INTEGER NOT NULL,
    soon_at TEXT,
    due_at TEXT,
    late_at TEXT,
    ended_at TEXT,
    outcome TEXT CHECK (outcome IN ('met', 'missed', 'void')),
    settled_at TEXT,
    PRIMARY KEY (customer_id, case_id, number),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
) STRICT;
CREATE INDEX objectives_open ON objectives (customer_id, case_id) WHERE ended_at IS NULL;
CREATE INDEX objectives_soon ON objectives (objective, soon_at) WHERE ended_at IS NULL AND running_since IS NOT NULL;
CREATE INDEX objectives_settled ON objectives (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX objectives_by_calendar ON objectives (calendar_id) WHERE calendar_id IS NOT NULL;

-- The promise that lists name, when it becomes urgent, since when a lead knows that one is broken; and the due time of
-- the step, which lists showed before there were promises.
ALTER TABLE cases ADD COLUMN objective TEXT;
ALTER TABLE cases ADD COLUMN soon_at TEXT;
ALTER TABLE cases ADD COLUMN escalated_at TEXT;
ALTER TABLE cases ADD COLUMN step_due_at TEXT;
UPDATE cases SET step_due_at = due_at;

-- The rule that made each instant: when its span began, the span, and the calendar on record that it was counted in.
-- SQLite cannot change the words of a CHECK, so the table is made again.
CREATE TABLE timers_with_rules (
    key TEXT NOT NULL PRIMARY KEY,
    customer_id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    entered INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('remind', 'due', 'escalate', 'expire', 'objective')),
    target TEXT NOT NULL,
    calendar TEXT,
    due_at TEXT NOT NULL,
    paused_left_s INTEGER,
    started_at TEXT,
    span TEXT,
    calendar_id BLOB REFERENCES calendars (id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
) STRICT;
INSERT INTO timers_with_rules (key, customer_id, case_id, entered, kind, target, calendar, due_at, paused_left_s)
    SELECT key, customer_id, case_id, entered, kind, target, calendar, due_at, paused_left_s FROM timers;
DROP TABLE timers;
ALTER TABLE timers_with_rules RENAME TO timers;
CREATE INDEX timers_due ON timers (due_at, key) WHERE paused_left_s IS NULL;
CREATE INDEX timers_by_case ON timers (customer_id, case_id);
CREATE INDEX timers_by_calendar ON timers (calendar_id) WHERE calendar_id IS NOT NULL;
