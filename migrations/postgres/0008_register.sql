-- The whitelist register: entries that belong to no case, the transport beside the port, and what is to leave the list.
-- An empty first_key means that the service, which can read addresses as SQLite cannot, has yet to fill both keys in.
ALTER TABLE whitelist
    ALTER COLUMN case_id DROP NOT NULL,
    DROP CONSTRAINT whitelist_tunnel_id_network_port_key,
    ADD COLUMN protocol TEXT NOT NULL DEFAULT 'tcp' CHECK (protocol IN ('tcp', 'udp')),
    ADD COLUMN first_key BYTEA NOT NULL DEFAULT '',
    ADD COLUMN last_key BYTEA NOT NULL DEFAULT '',
    ADD COLUMN is_wide BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN reason TEXT,
    ADD COLUMN leave_by TEXT,
    ADD COLUMN leave_why TEXT,
    ADD COLUMN leave_at TIMESTAMPTZ,
    ADD UNIQUE (tunnel_id, network, port, protocol);
CREATE INDEX whitelist_by_address ON whitelist (first_key, id);
CREATE INDEX whitelist_by_tunnel ON whitelist (tunnel_id, first_key, id);
CREATE INDEX whitelist_by_customer ON whitelist (customer_id, first_key, id);
-- Few entries are wider than a host; whatever contains an address is among them or is the host itself.
CREATE INDEX whitelist_wide ON whitelist (first_key) WHERE is_wide;

-- Entries that need a lead: asked for by one person, decided by another.
CREATE TABLE whitelist_requests (
    customer_id UUID NOT NULL,
    id UUID NOT NULL,
    tunnel_id UUID NOT NULL,
    network TEXT NOT NULL,
    port BIGINT NOT NULL,
    protocol TEXT NOT NULL CHECK (protocol IN ('tcp', 'udp')),
    reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'refused')),
    asked_by UUID NOT NULL REFERENCES people (id),
    asked_at TIMESTAMPTZ NOT NULL,
    decided_by UUID REFERENCES people (id),
    decided_at TIMESTAMPTZ,
    note TEXT,
    entry_id UUID,
    PRIMARY KEY (customer_id, id),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id)
);
CREATE UNIQUE INDEX whitelist_requests_pending ON whitelist_requests (tunnel_id, network, port, protocol)
    WHERE state = 'pending';
CREATE INDEX whitelist_requests_by_time ON whitelist_requests (asked_at, id);

-- Who changed an entry, and how; nothing is ever taken out of it.
CREATE TABLE whitelist_changes (
    customer_id UUID NOT NULL,
    entry_id UUID NOT NULL,
    id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    how TEXT NOT NULL,
    PRIMARY KEY (customer_id, entry_id, id),
    FOREIGN KEY (customer_id, entry_id) REFERENCES whitelist (customer_id, id)
);

-- Which version of a tunnel's whitelist there is, so that whoever pulls it is told "unchanged" by one row.
ALTER TABLE tunnels ADD COLUMN list_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE tunnels ADD COLUMN list_changed_at TIMESTAMPTZ;
CREATE UNIQUE INDEX tunnels_by_id ON tunnels (id);
-- The last tests of a target, and of a customer.
CREATE INDEX probes_by_target ON probes (customer_id, target_host, target_port, finished_at) WHERE state = 'done';

-- The Secure Relays of a customer: typed, or read off the product, whose API lists none but names them where they are used.
CREATE TABLE relays (
    customer_id UUID NOT NULL,
    id UUID NOT NULL,
    tenant_id UUID,
    name TEXT NOT NULL,
    product_id BIGINT,
    product_uuid TEXT,
    used_for TEXT NOT NULL,
    read_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (customer_id, id),
    UNIQUE (customer_id, name),
    FOREIGN KEY (customer_id, tenant_id) REFERENCES tenants (customer_id, id)
);
CREATE UNIQUE INDEX relays_of_product ON relays (customer_id, tenant_id, product_id) WHERE product_id IS NOT NULL;
