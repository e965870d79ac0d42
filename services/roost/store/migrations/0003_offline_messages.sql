-- Messages for those who are not there (XEP-0160), in the order in which they came.
CREATE TABLE offline_message (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    jid text NOT NULL REFERENCES account ON DELETE CASCADE,
    stored timestamptz NOT NULL DEFAULT now(),
    stanza bytea NOT NULL
);
CREATE INDEX offline_message_of ON offline_message (jid, id);
