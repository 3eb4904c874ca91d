-- Agents: programs in or beside the VPN gateway that run tests where the tunnel is.
CREATE TABLE agents (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    token_hash BLOB NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    seen_at TEXT,
    revoked_at TEXT
) STRICT;

-- The tunnels that an agent tests through; of others it learns nothing.
CREATE TABLE agent_tunnels (
    agent_id BLOB NOT NULL REFERENCES agents (id),
    customer_id BLOB NOT NULL,
    tunnel_id BLOB NOT NULL,
    PRIMARY KEY (agent_id, customer_id, tunnel_id),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id)
) STRICT;
CREATE INDEX agent_tunnels_by_tunnel ON agent_tunnels (customer_id, tunnel_id);

-- The agent that fetched a test or a test alert last, and what a running test has seen so far.
ALTER TABLE probes ADD COLUMN agent_id BLOB REFERENCES agents (id);
ALTER TABLE probes ADD COLUMN progress TEXT;
CREATE UNIQUE INDEX probes_by_id ON probes (id);
ALTER TABLE outbox ADD COLUMN agent_id BLOB REFERENCES agents (id);

-- Inside address of the customer's gateway, which a test may ask for an echo.
ALTER TABLE tunnels ADD COLUMN inside_gateway TEXT;
