-- The tables of a store in PostgreSQL, in a schema of their own: `signalbox`. Look at them with psql:
--   SELECT kind, id, body FROM signalbox.item WHERE space = 'main' ORDER BY seq;
-- All changes go through turns. A turn takes the lock of its space, reads what it has missed, and appends:
--   SELECT pg_advisory_xact_lock(hashtextextended(space, 7))

CREATE TABLE meta (
  -- epoch: rises with the timeline of the database, and when a store was put back or copied; the upper half of every fence.
  -- timeline, system: of the database when it last rose. tick: log time in milliseconds, where it is later than in the last turn.
  -- seq: where the turns begin. secret: what lease secrets are derived from; keep it to yourself.
  space    text PRIMARY KEY,
  epoch    integer NOT NULL CHECK (epoch BETWEEN 0 AND 8191),
  timeline bigint NOT NULL,
  system   text NOT NULL,
  seq      bigint NOT NULL,
  tick     bigint NOT NULL,
  secret   text NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE item (
  -- What there is now: environments, leases, freezes, keys, signals, barriers. body is JSON.
  -- No index on seq or body, and room in each page for every row to be written once more, which is what becomes of a lease: so an
  -- update stays in its page, touches no index, and what old and new body end with alike is not logged.
  space text NOT NULL,
  kind  text NOT NULL,
  id    text NOT NULL,
  seq   bigint NOT NULL,
  body  text NOT NULL,
  PRIMARY KEY (space, kind, id)
) WITH (fillfactor = 50);

CREATE TABLE turn (
  -- Every turn in order, kept for a while, for servers to learn from. Its key makes a fork impossible.
  -- id: made by the server that took it, which finds out by it whether a turn was kept. at: by that server's clock; kept_at: by
  -- this one's, for dropping what is old. changes is JSON.
  space   text NOT NULL,
  prev    bigint NOT NULL,
  seq     bigint NOT NULL CHECK (seq > prev),
  id      text NOT NULL,
  tick    bigint NOT NULL,
  at      timestamptz NOT NULL,
  changes text NOT NULL,
  kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (space, prev)
);

CREATE TABLE event (
  -- What happened. subject: mostly an environment. lease: the one that data names, if any. data is JSON.
  space   text NOT NULL,
  seq     bigint NOT NULL,
  at      timestamptz NOT NULL,
  kind    text NOT NULL,
  subject text NOT NULL,
  actor   text NOT NULL,
  lease   text,
  data    text NOT NULL,
  PRIMARY KEY (space, seq)
);
CREATE INDEX event_at ON event (space, at);
CREATE INDEX event_subject ON event (space, subject, seq);
CREATE INDEX event_lease ON event (space, lease, seq) WHERE lease IS NOT NULL;
