-- Who: customers of the vendor, people on both sides, how they prove who they are.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE customers (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    architecture TEXT NOT NULL CHECK (architecture IN ('vpn', 'secure_relay')),
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE people (
    id UUID PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT,
    wants_mail BOOLEAN NOT NULL,
    active BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE staff_roles (
    person_id UUID NOT NULL REFERENCES people (id),
    role TEXT NOT NULL CHECK (role IN ('support', 'network', 'lead', 'admin')),
    PRIMARY KEY (person_id, role)
);

CREATE TABLE memberships (
    customer_id UUID NOT NULL REFERENCES customers (id),
    person_id UUID NOT NULL REFERENCES people (id),
    all_cases BOOLEAN NOT NULL,
    PRIMARY KEY (customer_id, person_id)
);
CREATE INDEX memberships_by_person ON memberships (person_id);

CREATE TABLE sessions (
    token_hash BYTEA PRIMARY KEY,
    person_id UUID NOT NULL REFERENCES people (id),
    created_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sessions_by_person ON sessions (person_id);

CREATE TABLE one_time_links (
    token_hash BYTEA PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('setup', 'reset')),
    person_id UUID REFERENCES people (id),
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE api_tokens (
    token_hash BYTEA PRIMARY KEY,
    person_id UUID NOT NULL REFERENCES people (id),
    name TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE sign_in_failures (
    subject TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    next_at TIMESTAMPTZ NOT NULL
);

-- What belongs to a customer: tunnels, product tenants, mail servers, secrets.
CREATE TABLE tunnels (
    customer_id UUID NOT NULL REFERENCES customers (id),
    id UUID NOT NULL,
    name TEXT NOT NULL UNIQUE,
    our_gateway TEXT NOT NULL,
    peer_gateway TEXT NOT NULL,
    our_selectors JSONB NOT NULL,
    peer_selectors JSONB NOT NULL,
    alerting_ip TEXT NOT NULL,
    standby_ip TEXT,
    routing_domain TEXT NOT NULL,
    device TEXT,
    ca_pem TEXT,
    state TEXT NOT NULL CHECK (state IN ('planned', 'in_use', 'stopped')),
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (customer_id, id)
);

CREATE TABLE vault (
    customer_id UUID NOT NULL REFERENCES customers (id),
    id UUID NOT NULL,
    name TEXT NOT NULL,
    key_id TEXT NOT NULL,
    nonce BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (customer_id, id)
);

CREATE TABLE tenants (
    customer_id UUID NOT NULL REFERENCES customers (id),
    id UUID NOT NULL,
    name TEXT NOT NULL UNIQUE,
    base_url TEXT,
    api_key_id UUID,
    settings_in_use UUID,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (customer_id, id),
    FOREIGN KEY (customer_id, api_key_id) REFERENCES vault (customer_id, id)
);

CREATE TABLE servers (
    customer_id UUID NOT NULL,
    id UUID NOT NULL,
    tunnel_id UUID NOT NULL,
    name TEXT,
    address TEXT NOT NULL,
    port BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (customer_id, id),
    UNIQUE (customer_id, tunnel_id, address, port),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id)
);

-- Cases: a draft is no case; a case exists from its first event.
CREATE TABLE drafts (
    customer_id UUID NOT NULL REFERENCES customers (id),
    person_id UUID NOT NULL REFERENCES people (id),
    answers JSONB NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (customer_id, person_id)
);

CREATE TABLE cases (
    customer_id UUID NOT NULL REFERENCES customers (id),
    id UUID NOT NULL,
    number BIGINT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    workflow TEXT NOT NULL,
    version BIGINT NOT NULL,
    definition_hash TEXT NOT NULL,
    revision BIGINT NOT NULL,
    state TEXT NOT NULL,
    previous TEXT,
    data JSONB NOT NULL,
    sealed JSONB NOT NULL,
    seq BIGINT NOT NULL,
    entered BIGINT NOT NULL,
    priority TEXT NOT NULL CHECK (priority IN ('P1', 'P2', 'P3', 'P4')),
    vendor_ticket TEXT,
    waiting_on TEXT NOT NULL CHECK (waiting_on IN ('customer', 'vendor', 'nobody')),
    owner_role TEXT,
    queued BOOLEAN NOT NULL,
    claimed_by UUID REFERENCES people (id),
    claimed_at TIMESTAMPTZ,
    opened_by UUID NOT NULL REFERENCES people (id),
    tunnel_id UUID,
    server_id UUID,
    tenant_id UUID,
    is_open BOOLEAN NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    waiting_since TIMESTAMPTZ NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    closed_at TIMESTAMPTZ,
    outcome TEXT,
    PRIMARY KEY (customer_id, id),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id),
    FOREIGN KEY (customer_id, server_id) REFERENCES servers (customer_id, id),
    FOREIGN KEY (customer_id, tenant_id) REFERENCES tenants (customer_id, id)
);
CREATE INDEX cases_by_customer ON cases (customer_id, number);
CREATE INDEX cases_waiting ON cases (waiting_on, due_at, id, claimed_by) WHERE is_open AND queued;
CREATE INDEX cases_unclaimed ON cases (due_at, id) WHERE is_open AND queued AND claimed_by IS NULL AND waiting_on = 'vendor';
CREATE INDEX cases_by_claimant ON cases (claimed_by, due_at, id) WHERE is_open AND queued;
CREATE INDEX cases_open ON cases (due_at, id) WHERE is_open AND queued;

-- Which sealed value each vault field of a case holds.
CREATE TABLE case_secrets (
    customer_id UUID NOT NULL,
    case_id UUID NOT NULL,
    field TEXT NOT NULL,
    secret_id UUID NOT NULL,
    PRIMARY KEY (customer_id, case_id, field),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id),
    FOREIGN KEY (customer_id, secret_id) REFERENCES vault (customer_id, id)
);

CREATE TABLE case_log (
    customer_id UUID NOT NULL,
    case_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    body TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (customer_id, case_id, seq),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
);

-- Personal values stand beside the log, which holds a keyed commitment to each: erasing one leaves the chain whole.
CREATE TABLE case_log_personal (
    customer_id UUID NOT NULL,
    case_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    name TEXT NOT NULL,
    value TEXT,
    salt BYTEA NOT NULL,
    PRIMARY KEY (customer_id, case_id, seq, name),
    FOREIGN KEY (customer_id, case_id, seq) REFERENCES case_log (customer_id, case_id, seq)
);

CREATE TABLE messages (
    customer_id UUID NOT NULL,
    case_id UUID NOT NULL,
    id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    author_id UUID REFERENCES people (id),
    is_internal BOOLEAN NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (customer_id, case_id, id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
);

-- One entry per tunnel, network and port; each side goes wanted -> applied -> proven.
CREATE TABLE whitelist (
    customer_id UUID NOT NULL,
    id UUID NOT NULL,
    tunnel_id UUID NOT NULL,
    network TEXT NOT NULL,
    port BIGINT NOT NULL,
    case_id UUID NOT NULL,
    ours TEXT NOT NULL CHECK (ours IN ('none', 'wanted', 'applied', 'proven', 'retired')),
    ours_by TEXT,
    ours_how TEXT,
    ours_at TIMESTAMPTZ,
    theirs TEXT NOT NULL CHECK (theirs IN ('none', 'wanted', 'applied', 'proven', 'retired')),
    theirs_by TEXT,
    theirs_how TEXT,
    theirs_at TIMESTAMPTZ,
    proven_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (customer_id, id),
    UNIQUE (tunnel_id, network, port),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
);

CREATE TABLE settings (
    customer_id UUID NOT NULL,
    id UUID NOT NULL,
    case_id UUID NOT NULL,
    tenant_id UUID,
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    port BIGINT NOT NULL,
    encryption TEXT NOT NULL CHECK (encryption IN ('none', 'starttls', 'implicit_tls', 'unknown')),
    sender TEXT NOT NULL,
    tls_name TEXT,
    recipient TEXT NOT NULL,
    account_id UUID,
    password_id UUID,
    made_by UUID REFERENCES people (id),
    made_at TIMESTAMPTZ NOT NULL,
    passed_probe UUID,
    applied_at TIMESTAMPTZ,
    applied_how TEXT,
    PRIMARY KEY (customer_id, id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id),
    FOREIGN KEY (customer_id, tenant_id) REFERENCES tenants (customer_id, id),
    FOREIGN KEY (customer_id, account_id) REFERENCES vault (customer_id, id),
    FOREIGN KEY (customer_id, password_id) REFERENCES vault (customer_id, id)
);
CREATE INDEX settings_by_case ON settings (customer_id, case_id, made_at);

-- What happens later: effects to carry out, clocks, tests; and the answers already given to a repeated request.
CREATE TABLE outbox (
    effect_key TEXT PRIMARY KEY,
    customer_id UUID NOT NULL,
    case_id UUID NOT NULL,
    case_entered BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('mail', 'apply', 'test_alert')),
    lane TEXT NOT NULL,
    payload JSONB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'dead')),
    attempts BIGINT NOT NULL,
    not_before TIMESTAMPTZ NOT NULL,
    lease_owner TEXT,
    lease_until TIMESTAMPTZ,
    last_error TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    settled_at TIMESTAMPTZ,
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
);
CREATE INDEX outbox_due ON outbox (not_before, effect_key) WHERE state = 'pending';
CREATE INDEX outbox_lane ON outbox (lane, effect_key) WHERE state = 'pending';
CREATE INDEX outbox_dead ON outbox (created_at) WHERE state = 'dead';

CREATE TABLE timers (
    key TEXT PRIMARY KEY,
    customer_id UUID NOT NULL,
    case_id UUID NOT NULL,
    entered BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('remind', 'due', 'escalate', 'expire')),
    target TEXT NOT NULL,
    calendar TEXT,
    due_at TIMESTAMPTZ NOT NULL,
    paused_left_s BIGINT,
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
);
CREATE INDEX timers_due ON timers (due_at, key) WHERE paused_left_s IS NULL;
CREATE INDEX timers_by_case ON timers (customer_id, case_id);

CREATE TABLE probes (
    customer_id UUID NOT NULL,
    id UUID NOT NULL,
    case_id UUID NOT NULL,
    number BIGINT NOT NULL,
    effect_key TEXT NOT NULL UNIQUE,
    level TEXT NOT NULL CHECK (level IN ('reach', 'full')),
    case_entered BIGINT NOT NULL,
    answers TEXT NOT NULL,
    settings_id UUID,
    target_host TEXT NOT NULL,
    target_port BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'done')),
    attempts BIGINT NOT NULL,
    not_before TIMESTAMPTZ NOT NULL,
    lease_owner TEXT,
    lease_until TIMESTAMPTZ,
    requested_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    verdict TEXT,
    cause TEXT,
    report JSONB,
    PRIMARY KEY (customer_id, id),
    UNIQUE (customer_id, case_id, number),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
);
CREATE INDEX probes_due ON probes (not_before, id) WHERE state = 'queued';

CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    answer TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
