// The tables of a store in SQLite, as migrations: the n-th brings a store from version n to n + 1, in one transaction with
// the number itself (PRAGMA user_version). What always holds: a migration that was released is never changed, only followed.
// SQLite keeps the comments, so that whoever looks into a store with `sqlite3 signalbox.db .schema` reads them there.

import { EVENTS_PER_BLOCK } from '../sqlite/blocks.ts';

/** PRAGMA application_id: `SbLg`. It tells our stores from other people's databases. */
export const APPLICATION_ID = 0x53624c67;

export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE meta (
  -- seq: of the last change or event. tick: log time in milliseconds. epoch: how often the store was put back from a copy.
  -- secret: what lease secrets are derived from; keep it to yourself. copied_at: only in a backup.
  key   TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE item (
  -- What there is now: environments, leases, freezes, keys. body is JSON.
  space TEXT NOT NULL,
  kind  TEXT NOT NULL,
  id    TEXT NOT NULL,
  seq   INTEGER NOT NULL,
  body  TEXT NOT NULL,
  PRIMARY KEY (space, kind, id)
) STRICT;

CREATE TABLE event (
  -- What happened. at: milliseconds since 1970 by the wall clock; subject: mostly an environment. data is JSON.
  space   TEXT NOT NULL,
  seq     INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  kind    TEXT NOT NULL,
  subject TEXT NOT NULL,
  actor   TEXT NOT NULL,
  data    TEXT NOT NULL,
  PRIMARY KEY (space, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_block (
  -- Block n holds the events of seq n*${EVENTS_PER_BLOCK} to n*${EVENTS_PER_BLOCK}+${EVENTS_PER_BLOCK - 1}; between which times they lie, once it is complete.
  space     TEXT NOT NULL,
  block     INTEGER NOT NULL,
  oldest_at INTEGER,
  newest_at INTEGER,
  PRIMARY KEY (space, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_subject (
  -- In which blocks a subject occurs.
  space   TEXT NOT NULL,
  subject TEXT NOT NULL,
  block   INTEGER NOT NULL,
  PRIMARY KEY (space, subject, block)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_subject_of_block ON event_subject (space, block);
`,
];

export const SCHEMA_VERSION = MIGRATIONS.length;
