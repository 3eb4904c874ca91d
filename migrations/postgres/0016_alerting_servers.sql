-- A server is in use from the moment on at which settings were applied until its case ends, whatever state the case is in.
DROP INDEX cases_in_use;
DROP INDEX cases_in_use_behind;
CREATE INDEX cases_open_mains ON cases (number) WHERE is_open AND parent IS NULL;
CREATE INDEX cases_open_mains_behind ON cases (customer_id, tunnel_id) WHERE is_open AND parent IS NULL;
