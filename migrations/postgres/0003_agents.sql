-- Agents: programs in or beside the VPN gateway that run tests where the tunnel is.
CREATE TABLE agents (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    token_hash BYTEA NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);

-- The tunnels that an agent tests through; of others it learns nothing.
CREATE TABLE agent_tunnels (
    agent_id UUID NOT NULL REFERENCES agents (id),
    customer_id UUID NOT NULL,
    tunnel_id UUID NOT NULL,
    PRIMARY KEY (agent_id, customer_id, tunnel_id),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id)
);
CREATE INDEX agent_tunnels_by_tunnel ON agent_tunnels (customer_id, tunnel_id);

-- The agent that fetched a test or a test alert last, and what a running test has seen so far.
ALTER TABLE probes ADD COLUMN agent_id UUID REFERENCES agents (id);
ALTER TABLE probes ADD COLUMN progress JSONB;
CREATE UNIQUE INDEX probes_by_id ON probes (id);
ALTER TABLE outbox ADD COLUMN agent_id UUID REFERENCES agents (id);

-- Inside address of the customer's gateway, which a test may ask for an echo.
ALTER TABLE tunnels ADD COLUMN inside_gateway TEXT;
