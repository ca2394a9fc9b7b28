"""A disk that forgets what was not synced when the power goes; SQLite writes to it through apsw.

Writes go to the file at once, as the page cache shows them. What has reached the plate is
kept beside: the content at the last sync. At a cut, of the writes since then any part
survives, in any order, down to single sectors.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import apsw

SECTOR = 512


class Disk(apsw.VFS):
    """The files of a folder, with a power switch."""

    def __init__(self, name, random, on_write=lambda disk: None):
        super().__init__(name, base="")
        self.name, self.random, self.on_write = name, random, on_write
        self.files = {}

    def xOpen(self, name, flags):
        return DiskFile(self, name, flags)

    def xDelete(self, name, sync):
        super().xDelete(name, sync)
        self.files.pop(Path(name).name, None)

    def cut(self, folder):
        """Put into a folder what is left of each file after a power cut at this instant."""
        folder.mkdir()
        for name, state in self.files.items():
            if state.exists_for_sure or self.random.random() < 0.5:
                (folder / name).write_bytes(state.survivors(self.random))


class State:
    """What of a file is on the plate, and what was written since."""

    def __init__(self, content):
        self.plate = bytearray(content)
        self.since = []
        self.exists_for_sure = bool(content)

    def sync(self):
        for change in self.since:
            self.apply(self.plate, change)
        self.since = []
        self.exists_for_sure = True

    def survivors(self, random):
        content = bytearray(self.plate)
        kept = random.choice([0.0, 0.5, 0.9, 1.0])
        parts = [part for change in self.since for part in sectors(change)]
        random.shuffle(parts)
        for part in parts:
            if random.random() < kept:
                self.apply(content, part)
        return bytes(content)

    @staticmethod
    def apply(content, change):
        offset, data = change
        if data is None:
            del content[offset:]
            return
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset : offset + len(data)] = data


def sectors(change):
    offset, data = change
    if data is None:
        return [change]
    return [(offset + i, data[i : i + SECTOR]) for i in range(0, len(data), SECTOR)]


class DiskFile(apsw.VFSFile):
    def __init__(self, disk, name, flags):
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        before = path.read_bytes() if path.exists() else b""
        super().__init__("", name, flags)
        self.disk = disk
        self.state = disk.files.setdefault(path.name, State(before))

    def xWrite(self, data, offset):
        super().xWrite(data, offset)
        self.state.since.append((offset, bytes(data)))
        self.disk.on_write(self.disk)

    def xTruncate(self, size):
        super().xTruncate(size)
        self.state.since.append((size, None))

    def xSync(self, flags):
        # the real sync is left out: this machine's own disk is not what is tested
        self.state.sync()


# what SQLAlchemy needs of a driver, over apsw ------------------------------------------------

paramstyle, threadsafety, apilevel = "qmark", 1, "2.0"
sqlite_version_info = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
sqlite_version = apsw.sqlite_lib_version()
Error, DatabaseError, InterfaceError = sqlite3.Error, sqlite3.DatabaseError, sqlite3.InterfaceError
OperationalError, IntegrityError = sqlite3.OperationalError, sqlite3.IntegrityError
ProgrammingError, NotSupportedError = sqlite3.ProgrammingError, sqlite3.NotSupportedError
InternalError, DataError = sqlite3.InternalError, sqlite3.DataError
PARSE_DECLTYPES, PARSE_COLNAMES, Binary = 1, 2, bytes


class Connection:
    """An apsw connection as a driver's."""

    isolation_level = None

    def __init__(self, path, vfs):
        self.inner = apsw.Connection(path, vfs=vfs)
        # a write-ahead log without shared memory, which a disk made of Python has not
        self.execute("pragma locking_mode=exclusive").fetchall()

    def cursor(self):
        return Cursor(self.inner.cursor())

    def execute(self, statement):
        return self.cursor().execute(statement)

    def create_function(self, *args, **kwargs):
        pass

    def commit(self):
        if self.inner.in_transaction:
            self.cursor().execute("COMMIT")

    def rollback(self):
        if self.inner.in_transaction:
            self.cursor().execute("ROLLBACK")

    def close(self):
        self.inner.close()


class Cursor:
    arraysize, rowcount, lastrowid = 1, -1, None

    def __init__(self, inner):
        self.inner, self.description = inner, None
        inner.exec_trace = self._describe

    def _describe(self, cursor, statement, values):
        described = cursor.get_description()  # asked for here, because a result may be empty
        self.description = [(column[0], *[None] * 6) for column in described] or None
        return True

    def execute(self, statement, values=()):
        return self._run(self.inner.execute, statement, tuple(values))

    def executemany(self, statement, rows):
        return self._run(self.inner.executemany, statement, [tuple(row) for row in rows])

    def _run(self, how, statement, values):
        try:
            how(statement, values)
            self.rowcount = self.inner.connection.changes()
        except apsw.ConstraintError as error:
            raise IntegrityError(str(error)) from error
        except apsw.Error as error:
            raise OperationalError(str(error)) from error
        return self

    def fetchone(self):
        return next(self.inner, None)

    def fetchmany(self, size=1):
        return [row for _, row in zip(range(size), self.inner, strict=False)]

    def fetchall(self):
        return list(self.inner)

    def close(self):
        self.inner.close()
