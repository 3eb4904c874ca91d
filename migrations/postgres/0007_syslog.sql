-- Revisions of SYSLOG settings: made in a case, passed by a test, applied to a tenant. `product_id` is what the product calls
-- the alert that holds them.
CREATE TABLE syslog_settings (
    customer_id UUID NOT NULL,
    id UUID NOT NULL,
    case_id UUID NOT NULL,
    tenant_id UUID,
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    port BIGINT NOT NULL,
    transport TEXT NOT NULL CHECK (transport IN ('udp', 'tcp', 'tls')),
    framing TEXT CHECK (framing IN ('octet_counting', 'lf')),
    tls_name TEXT,
    input_type TEXT NOT NULL CHECK (input_type IN ('deviances', 'attacks', 'object_changes', 'health_checks')),
    directories JSONB NOT NULL,
    threshold BIGINT NOT NULL,
    profiles JSONB NOT NULL,
    checkers JSONB NOT NULL,
    attack_types JSONB NOT NULL,
    health_checks JSONB NOT NULL,
    initial_alerts BOOLEAN NOT NULL,
    made_by UUID REFERENCES people (id),
    made_at TIMESTAMPTZ NOT NULL,
    passed_probe UUID,
    applied_at TIMESTAMPTZ,
    applied_how TEXT,
    product_id BIGINT,
    PRIMARY KEY (customer_id, id),
    FOREIGN KEY (customer_id, case_id) REFERENCES cases (customer_id, id),
    FOREIGN KEY (customer_id, tenant_id) REFERENCES tenants (customer_id, id)
);
CREATE INDEX syslog_settings_by_case ON syslog_settings (customer_id, case_id, made_at);
