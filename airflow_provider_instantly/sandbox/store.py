"""Everything that the sandbox remembers, in SQLite: in memory, or in a file that survives a restart."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_VERSION = 2

_SCHEMA = """
CREATE TABLE settings (id INTEGER PRIMARY KEY CHECK (id = 1), document TEXT NOT NULL);
CREATE TABLE workspaces (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, paid INTEGER NOT NULL DEFAULT 1, created_at REAL NOT NULL,
    lead_limit INTEGER
);
CREATE TABLE keys (
    digest TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, workspace TEXT NOT NULL, scopes TEXT NOT NULL,
    agency INTEGER NOT NULL
);
CREATE TABLE campaigns (
    id TEXT PRIMARY KEY, workspace TEXT NOT NULL, name TEXT NOT NULL, status INTEGER NOT NULL,
    not_sending_status INTEGER, script TEXT, started_at REAL, tags TEXT NOT NULL DEFAULT '[]',
    sending_status TEXT, sends INTEGER NOT NULL DEFAULT 0, sent_until REAL NOT NULL DEFAULT 0, document TEXT NOT NULL
);
CREATE INDEX campaigns_that_send ON campaigns (id) WHERE sends;
CREATE INDEX campaigns_of_workspace ON campaigns (workspace, id);
CREATE TABLE effects (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, campaign_id TEXT NOT NULL, effect TEXT NOT NULL,
    from_status INTEGER, to_status INTEGER, actor TEXT NOT NULL
);
CREATE INDEX effects_on_campaign ON effects (campaign_id, effect);
CREATE TABLE leads (
    id TEXT PRIMARY KEY, workspace TEXT NOT NULL, campaign_id TEXT, list_id TEXT, email TEXT NOT NULL,
    status INTEGER NOT NULL, verification_status INTEGER NOT NULL, created_at REAL NOT NULL, due_at REAL,
    next_step INTEGER NOT NULL DEFAULT 0, contacted_at REAL, replied_at REAL, ends_at REAL, ends_as INTEGER,
    document TEXT NOT NULL
);
CREATE INDEX leads_by_email ON leads (workspace, email);
CREATE INDEX leads_of_campaign ON leads (campaign_id, status, due_at);
CREATE INDEX leads_that_end ON leads (campaign_id, ends_at) WHERE ends_at IS NOT NULL;
CREATE TABLE emails (
    id INTEGER PRIMARY KEY, workspace TEXT NOT NULL, campaign_id TEXT NOT NULL, lead_id TEXT NOT NULL,
    account TEXT NOT NULL, step INTEGER NOT NULL, variant INTEGER NOT NULL, sent_at REAL NOT NULL,
    bounced_at REAL, replied_at REAL, unsubscribed_at REAL
);
CREATE INDEX emails_of_campaign ON emails (campaign_id, sent_at);
CREATE INDEX emails_of_account ON emails (account, sent_at);
CREATE INDEX emails_of_lead ON emails (lead_id);
CREATE TABLE blocked (
    id TEXT PRIMARY KEY, workspace TEXT NOT NULL, value TEXT NOT NULL, created_at REAL NOT NULL,
    UNIQUE (workspace, value)
);
CREATE TABLE accounts (
    workspace TEXT NOT NULL, email TEXT NOT NULL, created_at REAL NOT NULL, tags TEXT NOT NULL,
    failing TEXT NOT NULL, free_at REAL NOT NULL DEFAULT 0, document TEXT NOT NULL, PRIMARY KEY (workspace, email)
);
CREATE TABLE jobs (id TEXT PRIMARY KEY, workspace TEXT NOT NULL, created_at REAL NOT NULL, document TEXT NOT NULL);
CREATE TABLE faults (id INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    query TEXT NOT NULL, status INTEGER, key TEXT, workspace TEXT, user_agent TEXT, effect TEXT, fault TEXT
);
"""


class StoreError(Exception):
    """The database file cannot be used."""


def open_store(path: Path | None) -> sqlite3.Connection:
    """
    Open the database and create its tables if there are none.

    Nothing is committed by itself: what changes something for a request commits once, at its end.

    :param path: the file, or None for a database in memory.
    :raises StoreError: if the file is not a database of this release.
    """
    try:
        connection = sqlite3.connect(":memory:" if path is None else path)
        connection.row_factory = sqlite3.Row
        connection.create_function("casefold", 1, str.casefold, deterministic=True)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        is_new = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0] == 0 and version == 0
        if not is_new and version != _VERSION:
            raise StoreError(
                f"{path} is no database of this release of the sandbox. Delete the file or give another one."
            )
        # A commit outlives the process (not the machine) without waiting for the disk.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if is_new:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be used as the sandbox's database: {error}.") from error
    return connection
