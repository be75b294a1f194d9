"""The tables. `MIGRATIONS[n]` takes a catalog from `user_version` n to n + 1; a released one never changes.

A migration only adds, so that a process of the version before, which is still in a transaction, is not broken.
Statements are separated by blank lines. SQLite 3.33 is enough: no RETURNING, no STRICT.
"""

from vectorstores_server.engines.local.directory.ownership import APPLICATION_ID

_FIRST = """
CREATE TABLE meta (version TEXT NOT NULL)

CREATE TABLE counter (next_rev INTEGER NOT NULL)

INSERT INTO counter VALUES (1)

CREATE TABLE worker (clean INTEGER NOT NULL, boot_id TEXT NOT NULL)

INSERT INTO worker VALUES (1, '')

CREATE TABLE store (
    id TEXT PRIMARY KEY,
    name TEXT,
    description TEXT,
    metadata TEXT,
    created_at INTEGER NOT NULL,
    last_active_at INTEGER NOT NULL,
    expires_days INTEGER,
    expires_at INTEGER,
    expired INTEGER NOT NULL DEFAULT 0,
    embedder TEXT,
    dimensions INTEGER,
    table_name TEXT NOT NULL,
    next_table INTEGER NOT NULL DEFAULT 2,
    n_in_progress INTEGER NOT NULL DEFAULT 0,
    n_completed INTEGER NOT NULL DEFAULT 0,
    n_failed INTEGER NOT NULL DEFAULT 0,
    n_cancelled INTEGER NOT NULL DEFAULT 0,
    n_live INTEGER NOT NULL DEFAULT 0,
    usage_bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID

CREATE INDEX store_order ON store (created_at, id)

CREATE INDEX store_name ON store (name) WHERE name IS NOT NULL

CREATE INDEX store_busy ON store (id) WHERE n_in_progress > 0

CREATE INDEX store_expiry ON store (expires_at) WHERE expires_at IS NOT NULL AND expired = 0

CREATE TABLE store_table (
    name TEXT PRIMARY KEY,
    store_id TEXT NOT NULL,
    embedder TEXT,
    dimensions INTEGER,
    state TEXT NOT NULL CHECK (state IN ('live', 'building', 'dropping')),
    drop_at INTEGER
) WITHOUT ROWID

CREATE INDEX store_table_store ON store_table (store_id)

CREATE INDEX store_table_drop ON store_table (drop_at) WHERE drop_at IS NOT NULL

CREATE TABLE file (
    id TEXT PRIMARY KEY,
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) WITHOUT ROWID

CREATE INDEX file_order ON file (created_at, id)

CREATE INDEX file_purpose ON file (purpose, created_at, id)

CREATE INDEX file_sha256 ON file (sha256)

CREATE INDEX file_name ON file (filename)

CREATE INDEX file_expiry ON file (expires_at) WHERE expires_at IS NOT NULL

CREATE TABLE attachment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    store_id TEXT NOT NULL REFERENCES store ON DELETE CASCADE,
    file_id TEXT NOT NULL REFERENCES file,
    created_at INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('in_progress', 'completed', 'failed', 'cancelled')),
    live_rev INTEGER UNIQUE,
    want_rev INTEGER UNIQUE,
    chunk_size INTEGER NOT NULL,
    chunk_overlap INTEGER NOT NULL,
    want_size INTEGER,
    want_overlap INTEGER,
    want_priority INTEGER NOT NULL DEFAULT 0,
    attributes TEXT NOT NULL DEFAULT '{}',
    rows INTEGER NOT NULL DEFAULT 0,
    usage_bytes INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error_message TEXT,
    source TEXT,
    sha256 TEXT,
    UNIQUE (store_id, file_id)
)

CREATE INDEX attachment_order ON attachment (store_id, created_at, file_id)

CREATE INDEX attachment_status ON attachment (store_id, status, created_at, file_id)

CREATE INDEX attachment_file ON attachment (file_id)

CREATE INDEX attachment_live ON attachment (store_id, live_rev) WHERE live_rev IS NOT NULL

CREATE INDEX attachment_queue ON attachment (want_priority DESC, want_rev) WHERE want_rev IS NOT NULL

CREATE INDEX attachment_wanted ON attachment (store_id, want_rev) WHERE want_rev IS NOT NULL

CREATE INDEX attachment_source ON attachment (store_id, source, id) WHERE source IS NOT NULL

CREATE TRIGGER attachment_added AFTER INSERT ON attachment BEGIN
    UPDATE store SET
        n_in_progress = n_in_progress + (NEW.status = 'in_progress'),
        n_completed = n_completed + (NEW.status = 'completed'),
        n_failed = n_failed + (NEW.status = 'failed'),
        n_cancelled = n_cancelled + (NEW.status = 'cancelled'),
        n_live = n_live + (NEW.live_rev IS NOT NULL),
        usage_bytes = usage_bytes + NEW.usage_bytes
    WHERE id = NEW.store_id;
END

CREATE TRIGGER attachment_changed AFTER UPDATE OF status, live_rev, usage_bytes ON attachment BEGIN
    UPDATE store SET
        n_in_progress = n_in_progress + (NEW.status = 'in_progress') - (OLD.status = 'in_progress'),
        n_completed = n_completed + (NEW.status = 'completed') - (OLD.status = 'completed'),
        n_failed = n_failed + (NEW.status = 'failed') - (OLD.status = 'failed'),
        n_cancelled = n_cancelled + (NEW.status = 'cancelled') - (OLD.status = 'cancelled'),
        n_live = n_live + (NEW.live_rev IS NOT NULL) - (OLD.live_rev IS NOT NULL),
        usage_bytes = usage_bytes + NEW.usage_bytes - OLD.usage_bytes
    WHERE id = NEW.store_id;
END

CREATE TRIGGER attachment_gone AFTER DELETE ON attachment BEGIN
    UPDATE store SET
        n_in_progress = n_in_progress - (OLD.status = 'in_progress'),
        n_completed = n_completed - (OLD.status = 'completed'),
        n_failed = n_failed - (OLD.status = 'failed'),
        n_cancelled = n_cancelled - (OLD.status = 'cancelled'),
        n_live = n_live - (OLD.live_rev IS NOT NULL),
        usage_bytes = usage_bytes - OLD.usage_bytes
    WHERE id = OLD.store_id;
END

CREATE TABLE attribute (
    attachment_id INTEGER NOT NULL REFERENCES attachment ON DELETE CASCADE,
    store_id TEXT NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    value NOT NULL,
    rev INTEGER,
    PRIMARY KEY (attachment_id, key)
) WITHOUT ROWID

CREATE INDEX attribute_value ON attribute (store_id, key, kind, value, rev)

CREATE TRIGGER attachment_rev AFTER UPDATE OF live_rev ON attachment BEGIN
    UPDATE attribute SET rev = NEW.live_rev WHERE attachment_id = NEW.id;
END

CREATE TABLE batch (
    id TEXT PRIMARY KEY,
    store_id TEXT NOT NULL REFERENCES store ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    cancelled INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID

CREATE INDEX batch_store ON batch (store_id, created_at)

CREATE TABLE batch_file (
    batch_id TEXT NOT NULL REFERENCES batch ON DELETE CASCADE,
    file_id TEXT NOT NULL,
    rev INTEGER,
    status TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    PRIMARY KEY (batch_id, file_id)
) WITHOUT ROWID

CREATE INDEX batch_file_file ON batch_file (file_id)

CREATE INDEX batch_file_rev ON batch_file (rev) WHERE rev IS NOT NULL

CREATE TABLE dead_rev (rev INTEGER PRIMARY KEY, table_name TEXT NOT NULL, died_at INTEGER NOT NULL)

CREATE INDEX dead_rev_table ON dead_rev (table_name, died_at)

CREATE INDEX dead_rev_age ON dead_rev (died_at)

CREATE TABLE tombstone (
    scope TEXT NOT NULL,
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    gone_at INTEGER NOT NULL,
    PRIMARY KEY (scope, id)
) WITHOUT ROWID

CREATE INDEX tombstone_age ON tombstone (gone_at)

CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    file_seconds INTEGER,
    status TEXT NOT NULL,
    file_id TEXT
) WITHOUT ROWID

CREATE INDEX upload_expiry ON upload (expires_at) WHERE status = 'pending'

CREATE TABLE part (
    id TEXT PRIMARY KEY,
    upload_id TEXT NOT NULL REFERENCES upload ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) WITHOUT ROWID

CREATE INDEX part_upload ON part (upload_id)
"""

_PROGRESS = """
ALTER TABLE attachment ADD COLUMN built INTEGER NOT NULL DEFAULT 0

ALTER TABLE attachment ADD COLUMN to_build INTEGER NOT NULL DEFAULT 0
"""

_DELETIONS = f"""
PRAGMA application_id = {APPLICATION_ID}

CREATE TABLE deleted_content (sha256 TEXT PRIMARY KEY, deleted_at INTEGER NOT NULL) WITHOUT ROWID

CREATE INDEX deleted_content_age ON deleted_content (deleted_at)
"""

_FORMATS = """
ALTER TABLE store_table ADD COLUMN format INTEGER NOT NULL DEFAULT 1

ALTER TABLE store_table ADD COLUMN kept INTEGER NOT NULL DEFAULT 0

ALTER TABLE attachment ADD COLUMN text_version INTEGER NOT NULL DEFAULT 1

ALTER TABLE attachment ADD COLUMN refused_by INTEGER NOT NULL DEFAULT 1

CREATE TABLE rebuilt (
    table_name TEXT NOT NULL,
    rev INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    usage_bytes INTEGER NOT NULL,
    text_version INTEGER NOT NULL,
    PRIMARY KEY (table_name, rev)
) WITHOUT ROWID
"""
"""The contents of a table's rows, and whether they were copied unchanged; by which version of the parsers the text that
is live was made, and the file refused; which revisions a table that is being built holds whole."""

_PLACES = """
ALTER TABLE attachment ADD COLUMN path TEXT

ALTER TABLE attachment ADD COLUMN folder TEXT

ALTER TABLE attachment ADD COLUMN name TEXT

ALTER TABLE attachment ADD COLUMN disk_bytes INTEGER

ALTER TABLE attachment ADD COLUMN modified_ns INTEGER

ALTER TABLE attachment ADD COLUMN inode INTEGER

CREATE INDEX attachment_path ON attachment (store_id, path) WHERE path IS NOT NULL
"""
"""The place of a source: its path below the folder that was named, and its name, where that differs from its File's.
Its size and times on disk when it was read, so that it need not be read again; `disk_bytes` NULL: not known."""

_NOTES = """
ALTER TABLE attachment ADD COLUMN notes TEXT

ALTER TABLE rebuilt ADD COLUMN notes TEXT
"""
"""The notes on the text that is live, or will be with the table that is being built: a list as JSON, NULL for none."""

_FOLDER_TYPES = """
CREATE TABLE folder_types (
    store_id TEXT NOT NULL REFERENCES store ON DELETE CASCADE,
    folder TEXT NOT NULL,
    types TEXT NOT NULL,
    PRIMARY KEY (store_id, folder)
) WITHOUT ROWID
"""
"""The types of files that a folder gave when it was attached last, separated by spaces."""

_SUCCESSORS = """
ALTER TABLE tombstone ADD COLUMN superseded_by TEXT

ALTER TABLE tombstone ADD COLUMN sha256 TEXT

CREATE INDEX tombstone_successor ON tombstone (scope, superseded_by) WHERE superseded_by IS NOT NULL
"""
"""The file of the store that replaced this one, and the hash of what this one held."""

_UPKEEP = """
ALTER TABLE store_table ADD COLUMN upkeep_at INTEGER

UPDATE store_table SET upkeep_at = 0

CREATE INDEX store_table_upkeep ON store_table (upkeep_at) WHERE upkeep_at IS NOT NULL
"""
"""Since when a table of the index needs upkeep; for older tables that is not known."""

_MIRRORS = """
CREATE TABLE mirror (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    store_id TEXT NOT NULL REFERENCES store ON DELETE CASCADE,
    folder TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'mirrored',
    note TEXT,
    watched TEXT,
    looked_at INTEGER,
    asked INTEGER NOT NULL DEFAULT 0,
    walked INTEGER NOT NULL DEFAULT 0,
    confirmed INTEGER NOT NULL DEFAULT 0,
    counts TEXT NOT NULL DEFAULT '{}',
    batch_id TEXT,
    attributes TEXT,
    chunk_size INTEGER,
    chunk_overlap INTEGER,
    UNIQUE (store_id, folder)
)

CREATE TABLE parted (
    store_id TEXT NOT NULL REFERENCES store ON DELETE CASCADE,
    file_id TEXT NOT NULL REFERENCES file ON DELETE CASCADE,
    source TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    attributes TEXT NOT NULL,
    chunk_size INTEGER NOT NULL,
    chunk_overlap INTEGER NOT NULL,
    gone_at INTEGER NOT NULL,
    PRIMARY KEY (store_id, file_id)
) WITHOUT ROWID

CREATE INDEX parted_content ON parted (store_id, sha256)

CREATE INDEX parted_file ON parted (file_id)

CREATE INDEX parted_age ON parted (gone_at)
"""
"""Folders that stores follow, and the Files that left a store because they were gone from such a folder."""
_PROPERTIES = """
ALTER TABLE attachment ADD COLUMN found TEXT

ALTER TABLE attachment ADD COLUMN attributes_final INTEGER NOT NULL DEFAULT 0

ALTER TABLE rebuilt ADD COLUMN found TEXT
"""
"""The properties of the live text, as JSON: they fill the attributes that a caller did not give, unless the
whole map was replaced (`attributes_final`)."""

_BACKGROUNDS = """
CREATE TABLE background (embedder TEXT PRIMARY KEY, mean REAL NOT NULL, sd REAL NOT NULL) WITHOUT ROWID
"""
"""The cosines of texts that have nothing to do with each other, by the identities of embedders that were probed."""

_UNDECIDED = """
ALTER TABLE store ADD COLUMN undecided INTEGER NOT NULL DEFAULT 0
"""
"""True where the first file that is read still decides which model makes the store's vectors."""

_UPLOADERS = """
CREATE TABLE file_uploader (
    file_id TEXT NOT NULL REFERENCES file ON DELETE CASCADE,
    bounds TEXT NOT NULL,
    PRIMARY KEY (file_id, bounds)
) WITHOUT ROWID

CREATE INDEX file_uploader_bounds ON file_uploader (bounds, file_id)

CREATE TABLE upload_uploader (
    upload_id TEXT PRIMARY KEY REFERENCES upload ON DELETE CASCADE,
    bounds TEXT NOT NULL
) WITHOUT ROWID
"""
"""The bounds of the callers who uploaded a File or began an upload, where they have some."""

MIGRATIONS: tuple[str, ...] = (
    _FIRST,
    _PROGRESS,
    _DELETIONS,
    _FORMATS,
    _PLACES,
    _NOTES,
    _FOLDER_TYPES,
    _SUCCESSORS,
    _UPKEEP,
    _MIRRORS,
    _PROPERTIES,
    _BACKGROUNDS,
    _UNDECIDED,
    _UPLOADERS,
)


def statements(script: str) -> list[str]:
    """Return the script's statements."""
    return [s.strip() for s in script.strip().split("\n\n")]
