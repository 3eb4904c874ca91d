-- Who may run how many tests. A test that a person asked for apart from the workflow answers no event: its `answers` is
-- empty, which code that does not know of it takes for an event that the case does not accept.
ALTER TABLE probes ADD COLUMN by_customer BOOLEAN NOT NULL DEFAULT FALSE;

-- Tests that run: at most one of each customer, and so many over all.
CREATE INDEX probes_running ON probes (customer_id, lease_until) WHERE state = 'queued' AND lease_until IS NOT NULL;
-- Whom the queue served last.
CREATE INDEX probes_served ON probes (customer_id, finished_at) WHERE state = 'done';
-- When the people of a customer started tests.
CREATE INDEX probes_by_customer ON probes (customer_id, not_before) WHERE by_customer;

-- Why a lead lets tests go to a port that is neither one of mail nor of SYSLOG.
ALTER TABLE whitelist ADD COLUMN port_reason TEXT;
