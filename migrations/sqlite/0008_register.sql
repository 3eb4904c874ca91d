-- The whitelist register: entries that belong to no case, the transport beside the port, and what is to leave the list.
-- SQLite cannot take NOT NULL off a column, so the table is made again. An empty first_key means that the service, which
-- can read addresses, has yet to fill both keys in.
CREATE TABLE whitelist_register (
    customer_id BLOB NOT NULL,
    id BLOB NOT NULL,
    tunnel_id BLOB NOT NULL,
    network TEXT NOT NULL,
    port INTEGER NOT NULL,
    protocol TEXT NOT NULL CHECK (protocol IN ('tcp', 'udp')),
    first_key BLOB NOT NULL,
    last_key BLOB NOT NULL,
    is_wide INTEGER NOT NULL,
    case_id BLOB,
    reason TEXT,
    ours TEXT NOT NULL CHECK (ours IN ('none', 'wanted', 'applied', 'proven', 'retired')),
    ours_by TEXT,
    ours_how TEXT,
    ours_at TEXT,
    theirs TEXT NOT NULL CHECK (theirs IN ('none', 'wanted', 'applied', 'proven', 'retired')),
    theirs_by TEXT,
    theirs_how TEXT,
    theirs_at TEXT,
    proven_by BLOB,
    port_reason TEXT,
    leave_by TEXT,
    leave_why TEXT,
    leave_at TEXT,
    created_at TEXT NOT NULL,
    PRIMARY KEY (customer_id, id),
    UNIQUE (tunnel_id, network, port, protocol),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
) STRICT;
INSERT INTO whitelist_register (customer_id, id, tunnel_id, network, port, protocol, first_key, last_key, is_wide, case_id,
        ours, ours_by, ours_how, ours_at, theirs, theirs_by, theirs_how, theirs_at, proven_by, port_reason, created_at)
    SELECT customer_id, id, tunnel_id, network, port, 'tcp', x'', x'', 0, case_id,
        ours, ours_by, ours_how, ours_at, theirs, theirs_by, theirs_how, theirs_at, proven_by, port_reason, created_at
    FROM whitelist;
DROP TABLE whitelist;
ALTER TABLE whitelist_register RENAME TO whitelist;
CREATE INDEX whitelist_by_address ON whitelist (first_key, id);
CREATE INDEX whitelist_by_tunnel ON whitelist (tunnel_id, first_key, id);
CREATE INDEX whitelist_by_customer ON whitelist (customer_id, first_key, id);
-- Few entries are wider than a host; whatever contains an address is among them or is the host itself.
CREATE INDEX whitelist_wide ON whitelist (first_key) WHERE is_wide;

-- Entries that need a lead: asked for by one person, decided by another.
CREATE TABLE whitelist_requests (
    customer_id BLOB NOT NULL,
    id BLOB NOT NULL,
    tunnel_id BLOB NOT NULL,
    network TEXT NOT NULL,
    port INTEGER NOT NULL,
    protocol TEXT NOT NULL CHECK (protocol IN ('tcp', 'udp')),
    reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'refused')),
    asked_by BLOB NOT NULL REFERENCES people (id),
    asked_at TEXT NOT NULL,
    decided_by BLOB REFERENCES people (id),
    decided_at TEXT,
    note TEXT,
    entry_id BLOB,
    PRIMARY KEY (customer_id, id),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id)
) STRICT;
CREATE UNIQUE INDEX whitelist_requests_pending ON whitelist_requests (tunnel_id, network, port, protocol)
    WHERE state = 'pending';
CREATE INDEX whitelist_requests_by_time ON whitelist_requests (asked_at, id);

-- Who changed an entry, and how; nothing is ever taken out of it.
CREATE TABLE whitelist_changes (
    customer_id BLOB NOT NULL,
    entry_id BLOB NOT NULL,
    id BLOB NOT NULL,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    how TEXT NOT NULL,
    PRIMARY KEY (customer_id, entry_id, id),
    FOREIGN KEY (customer_id, entry_id) REFERENCES whitelist (customer_id, id)
) STRICT;

-- Which version of a tunnel's whitelist there is, so that whoever pulls it is told "unchanged" by one row.
ALTER TABLE tunnels ADD COLUMN list_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE tunnels ADD COLUMN list_changed_at TEXT;
CREATE UNIQUE INDEX tunnels_by_id ON tunnels (id);
-- The last tests of a target, and of a customer.
CREATE INDEX probes_by_target ON probes (customer_id, target_host, target_port, finished_at) WHERE state = 'done';

-- The Secure Relays of a customer: typed, or read off the product, whose API lists none but names them where they are used.
CREATE TABLE relays (
    customer_id BLOB NOT NULL,
    id BLOB NOT NULL,
    tenant_id BLOB,
    name TEXT NOT NULL,
    product_id INTEGER,
    product_uuid TEXT,
    used_for TEXT NOT NULL,
    read_at TEXT,
    created_at TEXT NOT NULL,
    PRIMARY KEY (customer_id, id),
    UNIQUE (customer_id, name),
    FOREIGN KEY (customer_id, tenant_id) REFERENCES tenants (customer_id, id)
) STRICT;
CREATE UNIQUE INDEX relays_of_product ON relays (customer_id, tenant_id, product_id) WHERE product_id IS NOT NULL;
