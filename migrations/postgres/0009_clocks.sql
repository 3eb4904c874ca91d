-- Calendars of the vendor and its customers. Hours are lines such as "mon-fri 09:00-17:00", local time of the zone.
CREATE TABLE calendars (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    time_zone TEXT NOT NULL,
    hours TEXT NOT NULL,
    is_vendor BOOLEAN NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    changed_by UUID REFERENCES people (id)
);
CREATE UNIQUE INDEX calendars_of_vendor ON calendars (is_vendor) WHERE is_vendor;

CREATE TABLE holidays (
    calendar_id UUID NOT NULL REFERENCES calendars (id),
    day TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (calendar_id, day)
);

ALTER TABLE customers ADD COLUMN calendar_id UUID REFERENCES calendars (id);
CREATE INDEX customers_by_calendar ON customers (calendar_id) WHERE calendar_id IS NOT NULL;

-- What the vendor promises for each priority, from a date on. Rows are added and never changed.
CREATE TABLE policy_rows (
    id UUID PRIMARY KEY,
    priority TEXT NOT NULL CHECK (priority IN ('P1', 'P2', 'P3', 'P4')),
    valid_from TIMESTAMPTZ NOT NULL,
    first_answer TEXT NOT NULL,
    next_update TEXT NOT NULL,
    done TEXT NOT NULL,
    made_at TIMESTAMPTZ NOT NULL,
    made_by UUID REFERENCES people (id)
);
CREATE INDEX policy_rows_in_force ON policy_rows (priority, valid_from, made_at);

-- Promises of single cases: the rule, what of it has passed, and how it ended. A stopped one has no due time.
CREATE TABLE objectives (
    customer_id UUID NOT NULL,
    case_id UUID NOT NULL,
    number BIGINT NOT NULL,
    objective TEXT NOT NULL CHECK (objective IN ('first_answer', 'next_update', 'done')),
    span TEXT NOT NULL,
    calendar_id UUID REFERENCES calendars (id),
    started_at TIMESTAMPTZ NOT NULL,
    running_since TIMESTAMPTZ,
    used_s BIGINT NOT NULL,
    soon_at TIMESTAMPTZ,
    due_at TIMESTAMPTZ,
    late_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    outcome TEXT CHECK (outcome IN ('met', 'missed', 'void')),
    settled_at TIMESTAMPTZ,
    PRIMARY KEY (customer_id, case_id, number),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
);
CREATE INDEX objectives_open ON objectives (customer_id, case_id) WHERE ended_at IS NULL;
CREATE INDEX objectives_soon ON objectives (objective, soon_at) WHERE ended_at IS NULL AND running_since IS NOT NULL;
CREATE INDEX objectives_settled ON objectives (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX objectives_by_calendar ON objectives (calendar_id) WHERE calendar_id IS NOT NULL;

-- The promise that lists name, when it becomes urgent, since when a lead knows that one is broken; and the due time of
-- the step, which lists showed before there were promises.
ALTER TABLE cases ADD COLUMN objective TEXT;
ALTER TABLE cases ADD COLUMN soon_at TIMESTAMPTZ;
ALTER TABLE cases ADD COLUMN escalated_at TIMESTAMPTZ;
ALTER TABLE cases ADD COLUMN step_due_at TIMESTAMPTZ;
UPDATE cases SET step_due_at = due_at;

-- The rule that made each instant: when its span began, the span, and the calendar on record that it was counted in.
ALTER TABLE timers ADD COLUMN started_at TIMESTAMPTZ;
ALTER TABLE timers ADD COLUMN span TEXT;
ALTER TABLE timers ADD COLUMN calendar_id UUID REFERENCES calendars (id);
ALTER TABLE timers DROP CONSTRAINT timers_kind_check;
ALTER TABLE timers ADD CONSTRAINT timers_kind_check CHECK (kind IN ('remind', 'due', 'escalate', 'expire', 'objective'));
CREATE INDEX timers_by_calendar ON timers (calendar_id) WHERE calendar_id IS NOT NULL;
