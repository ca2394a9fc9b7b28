"""What a feed told, kept as it came: a line of JSON per event, to be told again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from workbench.core.bar import Bar
from workbench.core.ports import Event
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.errors import DataError

__all__ = ["Recorder", "read_events"]

_KINDS: dict[str, type] = {"bar": Bar, "quote": Quote, "trade": Trade}
_FLUSH = 256


class Recorder:
    """Writes events to a file, in the order in which they were acted upon.

    Parameters
    ----------
    path : Path
        Made where it is missing; a recording goes on where it ended.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recorder = Recorder(Path(folder) / "events.jsonl")
    ...     recorder.write(Trade("X", at, 10.5, 2.0))
    ...     recorder.close()
    ...     [event.price for event in read_events(recorder.path)]
    [10.5]
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file: IO[str] = path.open("a", encoding="utf-8")
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self._file.write("\n")  # a line that a crash cut short stays one of its own
        self._count = 0

    def write(self, event: Event) -> None:
        """Keep a bar, a quote or a trade; others are left out."""
        kind = type(event).__name__.lower()
        if kind not in _KINDS:
            return
        row = {name: _plain(getattr(event, name)) for name in _fields(type(event))}
        self._file.write(json.dumps({"kind": kind, **row}) + "\n")
        self._count += 1
        if self._count % _FLUSH == 0:
            self._file.flush()

    def close(self) -> None:
        """Write all that waits, and close the file."""
        self._file.close()


def read_events(path: Path) -> Iterator[Event]:
    """Yield what was recorded; a last line that was cut short is left out.

    Raises
    ------
    DataError
        Another line cannot be read; it is named.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row: dict[str, Any] = json.loads(line)
            kind = _KINDS[row.pop("kind")]
            for name in ("time", "known_at"):
                if row.get(name) is not None:
                    row[name] = datetime.fromisoformat(row[name])
            yield kind(**row)
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                return
            raise DataError(
                f"{path}:{number} is no recorded event: {error!r}", path=str(path), line=number
            ) from None


def _fields(kind: type) -> tuple[str, ...]:
    return tuple(kind.__dataclass_fields__)  # type: ignore[attr-defined]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
