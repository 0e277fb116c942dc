"""Results on the device's disk until the stream has them.

One SQLite file in WAL mode, committed with fsync: what was committed is there after a kill or a power cut. The space is taken when the store is
opened, so that neither the file grows beyond its bound nor another program takes the space of results that come later. Nor does it between two
runs: the store is never closed, because SQLite would then remove the WAL, and on a disk that is full by the next start it could not be made again.
"""

import os
import sqlite3

PAGE_BYTES = 4096
CHUNK_BYTES = 1 << 20
MIN_CHUNK_PAGES = 32
# WAL pages after which SQLite copies them back; one chunk of reserved space holds four times as many.
CHECKPOINT_PAGES = 64
# Space of the WAL beside the file.
WAL_BYTES = 2 * CHUNK_BYTES
MIN_BYTES = 4 * CHUNK_BYTES
# Answered ids that are remembered, so that a repeated request gets the same answer and lands once; they take an eighth of a small store.
REMEMBERED_IDS = 10_000
BYTES_A_REMEMBERED_ID = 400
DROP_POLICIES = {"oldest": "seq", "least-useful": "usefulness, seq"}
COUNTERS = (
    "requests",
    "answeredAtEdge",
    "answeredByCloud",
    "cloudFailures",
    "unsureOffline",
    "repeated",
    "refused",
    "forwarded",
    "dropped",
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS results (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, usefulness REAL NOT NULL, waits INTEGER NOT NULL, sent INTEGER NOT NULL, line BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS by_usefulness ON results (usefulness, seq);
CREATE TABLE IF NOT EXISTS remembered (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, response BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL, published INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reserved (bytes BLOB);
"""


class StoreFull(Exception):
    """The disk has no room even for one result."""


def is_full(error):
    """True for the errors by which SQLite says that the file or the disk has no room."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


class Store:
    """Results that wait for the stream, answers that are remembered, and counters. Used by one thread at a time."""

    def __init__(self, file, max_bytes, drop_policy="least-useful", check_same_thread=False):
        self.order = DROP_POLICIES[drop_policy]
        self.file = file
        self.connection = sqlite3.connect(file, isolation_level=None, check_same_thread=check_same_thread, timeout=30)
        run = self.connection.execute
        run(f"PRAGMA page_size = {PAGE_BYTES}")
        # The one process that uses the store needs no file of shared memory, which a full disk would refuse at the start.
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        # Some builds overwrite what is deleted, which would pass through the WAL.
        run("PRAGMA secure_delete = OFF")
        self.connection.executescript(SCHEMA)
        with self.transaction():
            for name in COUNTERS:
                run("INSERT OR IGNORE INTO counters (name, value) VALUES (?, 0)", (name,))
        self.wanted_bytes = max(max_bytes, MIN_BYTES) - WAL_BYTES
        self.reserve()

    def transaction(self):
        return Transaction(self.connection)

    def pages(self):
        return self.connection.execute("PRAGMA page_count").fetchone()[0]

    def reserve(self):
        """Takes the space up to the bound, or as much as the disk has."""
        run = self.connection.execute
        wanted = self.wanted_bytes // PAGE_BYTES
        run(f"PRAGMA max_page_count = {max(wanted, self.pages())}")
        try:
            while (chunk := min(CHUNK_BYTES // PAGE_BYTES, wanted - self.pages())) >= MIN_CHUNK_PAGES:
                # The file first: pages that are in the WAL and have no place in the file would block the WAL for ever.
                with open(self.file, "rb+") as file:
                    os.posix_fallocate(file.fileno(), 0, (self.pages() + chunk) * PAGE_BYTES)
                run("INSERT INTO reserved VALUES (zeroblob(?))", ((chunk - 4) * PAGE_BYTES,))
                run("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except OSError:
            pass
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
        try:
            for (row,) in run("SELECT rowid FROM reserved").fetchall():
                run("DELETE FROM reserved WHERE rowid = ?", (row,))
            run("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
        pages = self.pages()
        run(f"PRAGMA max_page_count = {pages}")
        self.capacity_bytes = pages * PAGE_BYTES

    def is_small(self):
        """True if the disk had no room for the whole store."""
        return self.capacity_bytes + CHUNK_BYTES <= self.wanted_bytes

    def usage(self):
        """Waiting results and bytes in use."""
        run = self.connection.execute
        waiting = run("SELECT count(*) FROM results").fetchone()[0]
        free = run("PRAGMA freelist_count").fetchone()[0]
        return waiting, (self.pages() - free) * PAGE_BYTES

    def count(self, name, amount=1):
        self.connection.execute("UPDATE counters SET value = value + ? WHERE name = ?", (amount, name))

    def counts(self):
        return dict(self.connection.execute("SELECT name, value FROM counters").fetchall())

    def unpublished(self):
        """Counts since the last publication."""
        rows = self.connection.execute("SELECT name, value, published FROM counters").fetchall()
        return {name: value - published for name, value, published in rows}, {name: value for name, value, _ in rows}

    def set_published(self, values):
        with self.transaction():
            for name, value in values.items():
                self.connection.execute("UPDATE counters SET published = ? WHERE name = ?", (value, name))

    def response(self, identity):
        """Response to an earlier request with this id; None for a new one."""
        row = self.connection.execute("SELECT response FROM remembered WHERE id = ?", (identity,)).fetchone()
        return None if row is None else row[0]

    def line(self, identity):
        """Line of the waiting result with this id; None without one."""
        row = self.connection.execute("SELECT line FROM results WHERE id = ?", (identity,)).fetchone()
        return None if row is None else row[0]

    def add(self, entries, counts):
        """
        Commits results, their responses and counters together. Makes room by dropping waiting results, which are counted.

        Entries are (id, usefulness, waits for the cloud, line, response). Raises StoreFull where the disk has no room for them at all.
        """
        dropped = 0
        while True:
            try:
                with self.transaction():
                    for identity, usefulness, waits, line, response in entries:
                        self.connection.execute(
                            "INSERT INTO results (id, usefulness, waits, sent, line) VALUES (?, ?, ?, 0, ?)",
                            (identity, usefulness, int(waits), line),
                        )
                        self.remember(identity, response)
                    for name, amount in counts.items():
                        self.count(name, amount)
                return dropped
            except sqlite3.OperationalError as error:
                if not is_full(error):
                    raise
                made = self.drop(max(8, len(entries)))
                if made == 0:
                    raise StoreFull(f"{self.file} has no room for {len(entries)} results: {error}") from error
                dropped += made

    def drop(self, least):
        """Drops the results that are least useful, or the oldest: a fiftieth of them, or at least some; returns their number."""
        try:
            with self.transaction():
                waiting = self.connection.execute("SELECT count(*) FROM results").fetchone()[0]
                number = min(waiting, max(least, waiting // 50))
                self.connection.execute(
                    f"DELETE FROM results WHERE seq IN (SELECT seq FROM results ORDER BY {self.order} LIMIT ?)", (number,)
                )
                self.count("dropped", number)
            return number
        except sqlite3.OperationalError as error:
            if is_full(error):
                return 0
            raise

    def remember(self, identity, response):
        self.connection.execute(
            "INSERT INTO remembered (id, response) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET response = excluded.response",
            (identity, response),
        )
        self.connection.execute(
            "DELETE FROM remembered WHERE seq <= (SELECT max(seq) FROM remembered) - ?", (self.remembered_ids(),)
        )

    def remembered_ids(self):
        return min(REMEMBERED_IDS, self.capacity_bytes // 8 // BYTES_A_REMEMBERED_ID)

    def waiting_for_cloud(self, most):
        """Oldest results that wait for the cloud endpoint and were never sent: (id, line)."""
        return self.connection.execute(
            "SELECT id, line FROM results WHERE waits = 1 AND sent = 0 ORDER BY seq LIMIT ?", (most,)
        ).fetchall()

    def settle(self, identity, line, response, counts):
        """Replaces the line of a result that waited for the cloud endpoint."""
        with self.transaction():
            self.connection.execute("UPDATE results SET line = ?, waits = 0 WHERE id = ?", (line, identity))
            self.remember(identity, response)
            for name, amount in counts.items():
                self.count(name, amount)

    def batch(self, most, max_bytes):
        """
        Oldest results that wait for nothing but the stream: (id, line). From now on their lines never change, so that a result which is put again
        after a crash is the same bytes.
        """
        chosen, size = [], 0
        for identity, line in self.connection.execute(
            "SELECT id, line FROM results WHERE waits = 0 ORDER BY seq LIMIT ?", (most,)
        ):
            size += len(line) + len(identity)
            if chosen and size > max_bytes:
                break
            chosen.append((identity, line))
        if chosen:
            with self.transaction():
                self.connection.executemany("UPDATE results SET sent = 1 WHERE id = ?", [(one,) for one, _ in chosen])
        return chosen

    def forwarded(self, identities):
        """Removes results that the stream has."""
        with self.transaction():
            self.connection.executemany("DELETE FROM results WHERE id = ?", [(one,) for one in identities])
            self.count("forwarded", len(identities))


class Transaction:
    def __init__(self, connection):
        self.connection = connection

    def __enter__(self):
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind, error, trace):
        if kind is None:
            try:
                self.connection.execute("COMMIT")
                return
            except sqlite3.OperationalError:
                self.rollback()
                raise
        self.rollback()

    def rollback(self):
        # SQLite has rolled back by itself after some errors.
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")


def open_store(folder, max_bytes, drop_policy):
    """Opens the store of a device; a file that SQLite cannot read is set aside, and a new one begins."""
    os.makedirs(folder, exist_ok=True)
    file = os.path.join(folder, "results.db")
    try:
        return Store(file, max_bytes, drop_policy), None
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        aside = f"{file}.unreadable"
        for ending in ("", "-wal", "-shm"):
            if os.path.exists(file + ending):
                os.replace(file + ending, aside + ending)
        return Store(file, max_bytes, drop_policy), f"{file} could not be read ({error}); it is {aside} now"
