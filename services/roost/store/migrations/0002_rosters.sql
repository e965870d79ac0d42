-- Rosters (RFC 6121 section 2). A roster's row is the lock that its changes take in turn.
CREATE TABLE roster (
    owner text PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    version bigint NOT NULL DEFAULT 0
);
CREATE TABLE roster_item (
    owner text NOT NULL REFERENCES roster ON DELETE CASCADE,
    contact text NOT NULL,
    name text NOT NULL,
    groups text[] NOT NULL,
    subscription text NOT NULL,
    ask boolean NOT NULL,
    pending_in boolean NOT NULL,
    approved boolean NOT NULL,
    listed boolean NOT NULL,
    request bytea NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (owner, contact)
);
-- Items that were removed, so that a client with an older version hears of it (section 2.6).
CREATE TABLE roster_removal (
    owner text NOT NULL REFERENCES roster ON DELETE CASCADE,
    contact text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (owner, contact)
);
