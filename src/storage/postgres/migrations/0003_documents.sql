-- Small documents of the rooms above, and for each shelf of them how often it was changed.
CREATE TABLE {documents} (
    tenant text COLLATE "C" NOT NULL, shelf text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL,
    version bigint NOT NULL, at bigint NOT NULL, body bytea NOT NULL,
    PRIMARY KEY (tenant, shelf, key)
);
CREATE TABLE {shelves} (
    tenant text COLLATE "C" NOT NULL, shelf text COLLATE "C" NOT NULL, version bigint NOT NULL,
    PRIMARY KEY (tenant, shelf)
);
