-- The addresses that the vendor's alerts come from. `network` is in prefix notation, also for a single address.
CREATE TABLE alerting_ips (
    number INTEGER NOT NULL PRIMARY KEY,
    network TEXT NOT NULL UNIQUE,
    purpose TEXT NOT NULL CHECK (purpose IN ('alerting', 'smtp', 'syslog')),
    region TEXT,
    state TEXT NOT NULL CHECK (state IN ('planned', 'active', 'retiring', 'retired')),
    from_at TEXT NOT NULL,
    until_at TEXT,
    replaces INTEGER,
    is_published INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX alerting_ips_starting ON alerting_ips (from_at) WHERE state = 'planned';

-- What happened to each address: its history, and the entries of the feed.
CREATE TABLE alerting_ip_changes (
    number INTEGER NOT NULL REFERENCES alerting_ips (number),
    sequence INTEGER NOT NULL,
    act TEXT NOT NULL,
    from_at TEXT NOT NULL,
    until_at TEXT,
    reason TEXT,
    at TEXT NOT NULL,
    by_person BLOB REFERENCES people (id),
    PRIMARY KEY (number, sequence)
) STRICT;
CREATE INDEX alerting_ip_changes_newest ON alerting_ip_changes (at, number, sequence);

-- One row: which edition of the published list it is.
CREATE TABLE alerting_ip_editions (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;

CREATE INDEX tunnels_by_alerting_ip ON tunnels (alerting_ip);
CREATE INDEX tunnels_by_standby_ip ON tunnels (standby_ip) WHERE standby_ip IS NOT NULL;

-- A change of an alerting IP, announced to everybody whose server depends on it. `cursor` and `next_at` are the sweep's:
-- up to which case it has looked for servers, and when it goes on.
CREATE TABLE alerting_campaigns (
    number INTEGER NOT NULL PRIMARY KEY,
    old_ip INTEGER NOT NULL REFERENCES alerting_ips (number),
    new_ip INTEGER NOT NULL REFERENCES alerting_ips (number),
    state TEXT NOT NULL CHECK (state IN ('open', 'finished', 'withdrawn')),
    effective_at TEXT NOT NULL,
    until_at TEXT NOT NULL,
    revision INTEGER NOT NULL,
    emergency_reason TEXT,
    override_reason TEXT,
    override_by BLOB REFERENCES people (id),
    opened_at TEXT NOT NULL,
    opened_by BLOB NOT NULL REFERENCES people (id),
    ended_at TEXT,
    cursor INTEGER NOT NULL,
    next_at TEXT
) STRICT;
CREATE UNIQUE INDEX alerting_campaigns_of_old ON alerting_campaigns (old_ip) WHERE state = 'open';
CREATE INDEX alerting_campaigns_next ON alerting_campaigns (next_at) WHERE next_at IS NOT NULL;

-- Its dates as they were promised, with the reason of each revision.
CREATE TABLE alerting_campaign_dates (
    campaign INTEGER NOT NULL REFERENCES alerting_campaigns (number),
    revision INTEGER NOT NULL,
    effective_at TEXT NOT NULL,
    until_at TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL,
    by_person BLOB REFERENCES people (id),
    PRIMARY KEY (campaign, revision)
) STRICT;

-- The servers that it affects: the case in whose course each is in use, and the child case that carries the change.
CREATE TABLE alerting_campaign_servers (
    campaign INTEGER NOT NULL REFERENCES alerting_campaigns (number),
    parent INTEGER NOT NULL,
    customer_id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    tunnel_id BLOB NOT NULL,
    told_revision INTEGER NOT NULL,
    PRIMARY KEY (campaign, parent),
    UNIQUE (customer_id, case_id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id)
) STRICT;
CREATE INDEX alerting_campaign_servers_of_tunnel ON alerting_campaign_servers (campaign, customer_id, tunnel_id);
CREATE INDEX alerting_campaign_servers_to_tell ON alerting_campaign_servers (campaign, told_revision, parent);

-- The tunnels that have gone over: proven where there is no reason, else by a lead's word.
CREATE TABLE alerting_campaign_tunnels (
    campaign INTEGER NOT NULL REFERENCES alerting_campaigns (number),
    customer_id BLOB NOT NULL,
    tunnel_id BLOB NOT NULL,
    at TEXT NOT NULL,
    override_reason TEXT,
    override_by BLOB REFERENCES people (id),
    PRIMARY KEY (campaign, customer_id, tunnel_id),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id)
) STRICT;

CREATE INDEX cases_in_use ON cases (number) WHERE state = 'active' AND parent IS NULL;
CREATE INDEX cases_in_use_behind ON cases (customer_id, tunnel_id) WHERE state = 'active' AND parent IS NULL;

-- What tunnels name stands on the register, in use and shown only to those whose tunnels they are: nothing is published
-- that nobody decided to publish.
INSERT INTO alerting_ips (number, network, purpose, state, from_at, is_published, sequence, changed_at)
    SELECT ROW_NUMBER() OVER (ORDER BY first_at, address),
        address || CASE WHEN address LIKE '%:%' THEN '/128' ELSE '/32' END,
        'alerting', 'active', first_at, 0, 0, first_at
    FROM (
        SELECT address, MIN(created_at) AS first_at
        FROM (
            SELECT alerting_ip AS address, created_at FROM tunnels
            UNION ALL
            SELECT standby_ip AS address, created_at FROM tunnels WHERE standby_ip IS NOT NULL
        ) named
        GROUP BY address
    ) distinct_ones;
INSERT INTO alerting_ip_changes (number, sequence, act, from_at, at)
    SELECT number, 0, 'added', from_at, from_at FROM alerting_ips;
INSERT INTO counters (name, value) SELECT 'alerting_ip', COUNT(*) FROM alerting_ips HAVING COUNT(*) > 0;
