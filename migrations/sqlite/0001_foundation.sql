-- Who: customers of the vendor, people on both sides, how they prove who they are.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE customers (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    architecture TEXT NOT NULL CHECK (architecture IN ('vpn', 'secure_relay')),
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE people (
    id BLOB PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT,
    wants_mail INTEGER NOT NULL,
    active INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE staff_roles (
    person_id BLOB NOT NULL REFERENCES people (id),
    role TEXT NOT NULL CHECK (role IN ('support', 'network', 'lead', 'admin')),
    PRIMARY KEY (person_id, role)
) STRICT;

CREATE TABLE memberships (
    customer_id BLOB NOT NULL REFERENCES customers (id),
    person_id BLOB NOT NULL REFERENCES people (id),
    all_cases INTEGER NOT NULL,
    PRIMARY KEY (customer_id, person_id)
) STRICT;
CREATE INDEX memberships_by_person ON memberships (person_id);

CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    person_id BLOB NOT NULL REFERENCES people (id),
    created_at TEXT NOT NULL,
    seen_at TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_person ON sessions (person_id);

CREATE TABLE one_time_links (
    token_hash BLOB PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('setup', 'reset')),
    person_id BLOB REFERENCES people (id),
    expires_at TEXT NOT NULL
) STRICT;

CREATE TABLE api_tokens (
    token_hash BLOB PRIMARY KEY,
    person_id BLOB NOT NULL REFERENCES people (id),
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT;

CREATE TABLE sign_in_failures (
    subject TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    next_at TEXT NOT NULL
) STRICT;

-- What belongs to a customer: tunnels, product tenants, mail servers, secrets.
CREATE TABLE tunnels (
    customer_id BLOB NOT NULL REFERENCES customers (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL UNIQUE,
    our_gateway TEXT NOT NULL,
    peer_gateway TEXT NOT NULL,
    our_selectors TEXT NOT NULL,
    peer_selectors TEXT NOT NULL,
    alerting_ip TEXT NOT NULL,
    standby_ip TEXT,
    routing_domain TEXT NOT NULL,
    device TEXT,
    ca_pem TEXT,
    state TEXT NOT NULL CHECK (state IN ('planned', 'in_use', 'stopped')),
    created_at TEXT NOT NULL,
    PRIMARY KEY (customer_id, id)
) STRICT;

CREATE TABLE vault (
    customer_id BLOB NOT NULL REFERENCES customers (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    key_id TEXT NOT NULL,
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (customer_id, id)
) STRICT;

CREATE TABLE tenants (
    customer_id BLOB NOT NULL REFERENCES customers (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL UNIQUE,
    base_url TEXT,
    api_key_id BLOB,
    settings_in_use BLOB,
    created_at TEXT NOT NULL,
    PRIMARY KEY (customer_id, id),
    FOREIGN KEY (customer_id, api_key_id) REFERENCES vault (customer_id, id)
) STRICT;

CREATE TABLE servers (
    customer_id BLOB NOT NULL,
    id BLOB NOT NULL,
    tunnel_id BLOB NOT NULL,
    name TEXT,
    address TEXT NOT NULL,
    port INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (customer_id, id),
    UNIQUE (customer_id, tunnel_id, address, port),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id)
) STRICT;

-- Cases: a draft is no case; a case exists from its first event.
CREATE TABLE drafts (
    customer_id BLOB NOT NULL REFERENCES customers (id),
    person_id BLOB NOT NULL REFERENCES people (id),
    answers TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (customer_id, person_id)
) STRICT;

CREATE TABLE cases (
    customer_id BLOB NOT NULL REFERENCES customers (id),
    id BLOB NOT NULL,
    number INTEGER NOT NULL UNIQUE,
    title TEXT NOT NULL,
    workflow TEXT NOT NULL,
    version INTEGER NOT NULL,
    definition_hash TEXT NOT NULL,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    previous TEXT,
    data TEXT NOT NULL,
    sealed TEXT NOT NULL,
    seq INTEGER NOT NULL,
    entered INTEGER NOT NULL,
    priority TEXT NOT NULL CHECK (priority IN ('P1', 'P2', 'P3', 'P4')),
    vendor_ticket TEXT,
    waiting_on TEXT NOT NULL CHECK (waiting_on IN ('customer', 'vendor', 'nobody')),
    owner_role TEXT,
    queued INTEGER NOT NULL,
    claimed_by BLOB REFERENCES people (id),
    claimed_at TEXT,
    opened_by BLOB NOT NULL REFERENCES people (id),
    tunnel_id BLOB,
    server_id BLOB,
    tenant_id BLOB,
    is_open INTEGER NOT NULL,
    opened_at TEXT NOT NULL,
    waiting_since TEXT NOT NULL,
    due_at TEXT NOT NULL,
    closed_at TEXT,
    outcome TEXT,
    PRIMARY KEY (customer_id, id),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id),
    FOREIGN KEY (customer_id, server_id) REFERENCES servers (customer_id, id),
    FOREIGN KEY (customer_id, tenant_id) REFERENCES tenants (customer_id, id)
) STRICT;
CREATE INDEX cases_by_customer ON cases (customer_id, number);
CREATE INDEX cases_waiting ON cases (waiting_on, due_at, id, claimed_by) WHERE is_open AND queued;
CREATE INDEX cases_unclaimed ON cases (due_at, id) WHERE is_open AND queued AND claimed_by IS NULL AND waiting_on = 'vendor';
CREATE INDEX cases_by_claimant ON cases (claimed_by, due_at, id) WHERE is_open AND queued;
CREATE INDEX cases_open ON cases (due_at, id) WHERE is_open AND queued;

-- Which sealed value each vault field of a case holds.
CREATE TABLE case_secrets (
    customer_id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    field TEXT NOT NULL,
    secret_id BLOB NOT NULL,
    PRIMARY KEY (customer_id, case_id, field),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id),
    FOREIGN KEY (customer_id, secret_id) REFERENCES vault (customer_id, id)
) STRICT;

CREATE TABLE case_log (
    customer_id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    body TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (customer_id, case_id, seq),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
) STRICT;

-- Personal values stand beside the log, which holds a keyed commitment to each: erasing one leaves the chain whole.
CREATE TABLE case_log_personal (
    customer_id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT,
    salt BLOB NOT NULL,
    PRIMARY KEY (customer_id, case_id, seq, name),
    FOREIGN KEY (customer_id, case_id, seq) REFERENCES case_log (customer_id, case_id, seq)
) STRICT;

CREATE TABLE messages (
    customer_id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    id BLOB NOT NULL,
    at TEXT NOT NULL,
    author_id BLOB REFERENCES people (id),
    is_internal INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (customer_id, case_id, id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
) STRICT;

-- One entry per tunnel, network and port; each side goes wanted -> applied -> proven.
CREATE TABLE whitelist (
    customer_id BLOB NOT NULL,
    id BLOB NOT NULL,
    tunnel_id BLOB NOT NULL,
    network TEXT NOT NULL,
    port INTEGER NOT NULL,
    case_id BLOB NOT NULL,
    ours TEXT NOT NULL CHECK (ours IN ('none', 'wanted', 'applied', 'proven', 'retired')),
    ours_by TEXT,
    ours_how TEXT,
    ours_at TEXT,
    theirs TEXT NOT NULL CHECK (theirs IN ('none', 'wanted', 'applied', 'proven', 'retired')),
    theirs_by TEXT,
    theirs_how TEXT,
    theirs_at TEXT,
    proven_by BLOB,
    created_at TEXT NOT NULL,
    PRIMARY KEY (customer_id, id),
    UNIQUE (tunnel_id, network, port),
    FOREIGN KEY (customer_id, tunnel_id) REFERENCES tunnels (customer_id, id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
) STRICT;

CREATE TABLE settings (
    customer_id BLOB NOT NULL,
    id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    tenant_id BLOB,
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    port INTEGER NOT NULL,
    encryption TEXT NOT NULL CHECK (encryption IN ('none', 'starttls', 'implicit_tls', 'unknown')),
    sender TEXT NOT NULL,
    tls_name TEXT,
    recipient TEXT NOT NULL,
    account_id BLOB,
    password_id BLOB,
    made_by BLOB REFERENCES people (id),
    made_at TEXT NOT NULL,
    passed_probe BLOB,
    applied_at TEXT,
    applied_how TEXT,
    PRIMARY KEY (customer_id, id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id),
    FOREIGN KEY (customer_id, tenant_id) REFERENCES tenants (customer_id, id),
    FOREIGN KEY (customer_id, account_id) REFERENCES vault (customer_id, id),
    FOREIGN KEY (customer_id, password_id) REFERENCES vault (customer_id, id)
) STRICT;
CREATE INDEX settings_by_case ON settings (customer_id, case_id, made_at);

-- What happens later: effects to carry out, clocks, tests; and the answers already given to a repeated request.
CREATE TABLE outbox (
    effect_key TEXT PRIMARY KEY,
    customer_id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    case_entered INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('mail', 'apply', 'test_alert')),
    lane TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'dead')),
    attempts INTEGER NOT NULL,
    not_before TEXT NOT NULL,
    lease_owner TEXT,
    lease_until TEXT,
    last_error TEXT,
    created_at TEXT NOT NULL,
    settled_at TEXT,
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
) STRICT;
CREATE INDEX outbox_due ON outbox (not_before, effect_key) WHERE state = 'pending';
CREATE INDEX outbox_lane ON outbox (lane, effect_key) WHERE state = 'pending';
CREATE INDEX outbox_dead ON outbox (created_at) WHERE state = 'dead';

CREATE TABLE timers (
    key TEXT PRIMARY KEY,
    customer_id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    entered INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('remind', 'due', 'escalate', 'expire')),
    target TEXT NOT NULL,
    calendar TEXT,
    due_at TEXT NOT NULL,
    paused_left_s INTEGER,
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
) STRICT;
CREATE INDEX timers_due ON timers (due_at, key) WHERE paused_left_s IS NULL;
CREATE INDEX timers_by_case ON timers (customer_id, case_id);

CREATE TABLE probes (
    customer_id BLOB NOT NULL,
    id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    effect_key TEXT NOT NULL UNIQUE,
    level TEXT NOT NULL CHECK (level IN ('reach', 'full')),
    case_entered INTEGER NOT NULL,
    answers TEXT NOT NULL,
    settings_id BLOB,
    target_host TEXT NOT NULL,
    target_port INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'done')),
    attempts INTEGER NOT NULL,
    not_before TEXT NOT NULL,
    lease_owner TEXT,
    lease_until TEXT,
    requested_at TEXT NOT NULL,
    finished_at TEXT,
    verdict TEXT,
    cause TEXT,
    report TEXT,
    PRIMARY KEY (customer_id, id),
    UNIQUE (customer_id, case_id, number),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id)
) STRICT;
CREATE INDEX probes_due ON probes (not_before, id) WHERE state = 'queued';

CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency (created_at);
