"""What is known of the stored bars of one source, timeframe and symbol."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workbench.data.chunks import Chunk, damaged
from workbench.data.coverage import Span
from workbench.data.holes import Hole

__all__ = ["FILE", "Manifest", "from_text", "load_manifest", "to_text"]

FILE = "manifest.json"
_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is stored, and what need not be fetched again.

    Parameters
    ----------
    symbol, timeframe, source, calendar : str
    version : str
        The source's; bars of another version are fetched anew.
    adjustment : str
        Always ``"none"``: raw prices are stored.
    covered : tuple of (str or None, str or None)
        Spans ``start <= time < end`` that need not be fetched again; None is open.
    fetched : str
        When the last fetch was, ISO 8601, UTC.
    dropped : tuple of dict
        The rows that the source left out.
    conflicts : int
        How often a bar came again with other values.
    holes : tuple of Hole
        What the source did not give though the calendar has it; not covered.
    columns : tuple of str
        In their order.
    chunks : tuple of Chunk
        The files that hold the bars, oldest first; none overlaps another.
    revisions : tuple of Chunk
        The files that hold what stood before.
    """

    symbol: str
    timeframe: str
    source: str
    calendar: str = ""
    version: str = ""
    adjustment: str = "none"
    covered: tuple[Span, ...] = ()
    fetched: str = ""
    dropped: tuple[dict[str, Any], ...] = field(default=())
    conflicts: int = 0
    holes: tuple[Hole, ...] = ()
    columns: tuple[str, ...] = ()
    chunks: tuple[Chunk, ...] = ()
    revisions: tuple[Chunk, ...] = ()

    @property
    def rows(self) -> int:
        """How many bars the chunks hold."""
        return sum(chunk.rows for chunk in self.chunks)


def to_text(manifest: Manifest) -> str:
    """Return a manifest as JSON, with a digest of itself."""
    body = json.dumps(asdict(manifest), default=str, ensure_ascii=False)
    return json.dumps({"format": _FORMAT, "sha256": _digest(body), "manifest": json.loads(body)})


def from_text(text: str) -> Manifest:
    """Return the manifest that `to_text` wrote.

    Raises
    ------
    ValueError, KeyError, TypeError
        The text is none, or was changed.
    """
    told = json.loads(text)
    if told["format"] != _FORMAT:
        raise ValueError(f"its format {told['format']} is not {_FORMAT}, of a newer workbench")
    body = told["manifest"]
    if _digest(json.dumps(body, ensure_ascii=False)) != told["sha256"]:
        raise ValueError("its content does not match its own digest")
    body["covered"] = tuple((start, end) for start, end in body["covered"])
    body["dropped"], body["columns"] = tuple(body["dropped"]), tuple(body["columns"])
    body["holes"] = tuple(Hole(**hole) for hole in body["holes"])
    for name in ("chunks", "revisions"):
        body[name] = tuple(Chunk(**chunk) for chunk in body[name])
    return Manifest(**body)


def load_manifest(folder: Path) -> Manifest | None:
    """Read the manifest of a folder, None where there is none.

    Raises
    ------
    DataError
        It is damaged.
    """
    path = folder / FILE
    try:
        return from_text(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(path, str(error).splitlines()[0][:200] or repr(error)) from error


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
