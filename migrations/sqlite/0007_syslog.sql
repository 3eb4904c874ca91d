-- Revisions of SYSLOG settings: made in a case, passed by a test, applied to a tenant. `product_id` is what the product calls
-- the alert that holds them.
CREATE TABLE syslog_settings (
    customer_id BLOB NOT NULL,
    id BLOB NOT NULL,
    case_id BLOB NOT NULL,
    tenant_id BLOB,
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    port INTEGER NOT NULL,
    transport TEXT NOT NULL CHECK (transport IN ('udp', 'tcp', 'tls')),
    framing TEXT CHECK (framing IN ('octet_counting', 'lf')),
    tls_name TEXT,
    input_type TEXT NOT NULL CHECK (input_type IN ('deviances', 'attacks', 'object_changes', 'health_checks')),
    directories TEXT NOT NULL,
    threshold INTEGER NOT NULL,
    profiles TEXT NOT NULL,
    checkers TEXT NOT NULL,
    attack_types TEXT NOT NULL,
    health_checks TEXT NOT NULL,
    initial_alerts INTEGER NOT NULL,
    made_by BLOB REFERENCES people (id),
    made_at TEXT NOT NULL,
    passed_probe BLOB,
    applied_at TEXT,
    applied_how TEXT,
    product_id INTEGER,
    PRIMARY KEY (customer_id, id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id),
    FOREIGN KEY (customer_id, tenant_id) REFERENCES tenants (customer_id, id)
) STRICT;
CREATE INDEX syslog_settings_by_case ON syslog_settings (customer_id, case_id, made_at);
