-- Accounts with the SCRAM keys of their passwords, one row a mechanism.
CREATE TABLE account (
    jid text PRIMARY KEY,
    created timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE scram_keys (
    jid text NOT NULL REFERENCES account ON DELETE CASCADE,
    mechanism text NOT NULL,
    salt bytea NOT NULL,
    iterations integer NOT NULL,
    stored_key bytea NOT NULL,
    server_key bytea NOT NULL,
    PRIMARY KEY (jid, mechanism)
);
-- What is made once for the whole cluster.
CREATE TABLE cluster_secret (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    secret bytea NOT NULL
);
