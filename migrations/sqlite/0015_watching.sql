-- Watching: what is remembered of each server in use, and what each round saw. A server that is not in use at the moment has
-- no next round, and keeps what is remembered of it.
CREATE TABLE watches (
    customer_id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    next_at TEXT,
    paused_at TEXT,
    paused_by BLOB REFERENCES people (id),
    rounds INTEGER NOT NULL,
    memory TEXT NOT NULL,
    -- What was read in the product before the round that runs: nothing where it was not read.
    settings_read TEXT,
    -- Numbers of the cases that watching began and that have not ended.
    trouble INTEGER,
    notice INTEGER,
    PRIMARY KEY (customer_id, case_id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
) STRICT;
CREATE INDEX watches_due ON watches (next_at, customer_id, case_id) WHERE next_at IS NOT NULL AND paused_at IS NULL;

CREATE TABLE watch_rounds (
    customer_id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    at TEXT NOT NULL,
    mark TEXT NOT NULL CHECK (mark IN ('good', 'changed', 'failed', 'unclear')),
    cause TEXT,
    seen TEXT NOT NULL,
    test INTEGER NOT NULL,
    ms INTEGER NOT NULL,
    PRIMARY KEY (customer_id, case_id, number),
    FOREIGN KEY (customer_id, case_id) REFERENCES watches (customer_id, case_id)
) STRICT;
CREATE INDEX watch_rounds_by_age ON watch_rounds (at);

-- The tests of rounds, which are kept as long as the rounds are.
CREATE INDEX probes_watched ON probes (finished_at) WHERE answers = '@watch';

-- The customer's own resolver behind the tunnel.
ALTER TABLE tunnels ADD COLUMN resolver TEXT;

-- Servers that are in use already.
INSERT INTO watches (customer_id, case_id, next_at, rounds, memory)
    SELECT customer_id, id, waiting_since, 0, '{}' FROM cases
    WHERE is_open AND workflow = 'smtp-vpn' AND state = 'active' AND tunnel_id IS NOT NULL;
