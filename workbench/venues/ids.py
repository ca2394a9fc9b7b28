"""Which orders were sent, and by which names an exchange knows them; kept through restarts."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from workbench.errors import DataError, RefusedError, UnavailableError
from workbench.venues.outcomes import Outcome

__all__ = ["IdForm", "Sent", "SentIds"]


@dataclass(frozen=True, slots=True)
class IdForm:
    """What a venue takes as a client order id.

    Parameters
    ----------
    longest : int
        Characters.
    letters : str
        Which, as inside the brackets of a regular expression.

    Examples
    --------
    >>> IdForm(36).of("twap-7-3-0")
    'twap-7-3-0'
    >>> IdForm(18).of("r1-20240102T000000-AAPL")
    'cbcd31c846c1b8ba7d4c2c53dc430bb2'
    """

    longest: int
    letters: str = "A-Za-z0-9_-"

    def of(self, order_id: str) -> str:
        """Return the only client id an order can have: its own, or 32 digits made from it."""
        if re.fullmatch(f"[{self.letters}]{{1,{self.longest}}}", order_id):
            return order_id
        return hashlib.sha256(order_id.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Sent:
    """An order that was sent, or was about to be.

    Parameters
    ----------
    order_id, client_id, symbol : str
    at : float
        Seconds since 1970.
    """

    order_id: str
    client_id: str
    symbol: str
    at: float = field(default_factory=time.time)


class SentIds:
    """The orders of one account, on the disk before they leave.

    An order that stands here is never sent again, whatever the venue makes of equal ids.

    Parameters
    ----------
    path : Path
        One line of JSON for each; made where it is missing. A last line that was cut short
        belongs to an order that never left, and is dropped.
    form : IdForm

    Raises
    ------
    DataError
        A line other than the last cannot be read; the error names it.
    """

    def __init__(self, path: Path, form: IdForm) -> None:
        self.path, self.form = path, form
        self.by_order: dict[str, Sent] = {}
        self.by_client: dict[str, Sent] = {}
        self.venue_ids: dict[str, str] = {}  # client id to the venue's
        self.client_ids: dict[str, str] = {}  # and back
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = self._load() if path.exists() else 0
        self._file: BinaryIO = path.open("ab")
        self._file.truncate(kept)

    @property
    def began(self) -> datetime:
        """When the first order was sent; now, where there is none."""
        first = next(iter(self.by_order.values()), None)
        return datetime.fromtimestamp(first.at if first else time.time(), UTC)

    def client_id(self, order_id: str) -> str:
        """Return by which name the venue knows an order."""
        return self.form.of(order_id)

    def order_id(self, client_id: str) -> str:
        """Return our name of an order that the venue calls so; a stranger keeps its own."""
        known = self.by_client.get(client_id)
        return client_id if known is None else known.order_id

    def symbols(self) -> set[str]:
        """Return what orders were sent for."""
        return {one.symbol for one in self.by_order.values()}

    def write(self, order_id: str, symbol: str) -> None:
        """Put down that an order is about to be sent.

        Raises
        ------
        RefusedError
            It stands here already: somebody else is sending it, or has.
        UnavailableError
            The disk would not take it; nothing may be sent.
        """
        sent = Sent(order_id, self.client_id(order_id), symbol)
        with self._lock:
            if order_id in self.by_order:
                raise RefusedError(
                    f"order {order_id} was sent before",
                    order_id=order_id,
                    outcome=Outcome.DUPLICATE.value,
                )
            self._note(sent)
        try:
            self._put({"order": order_id, "symbol": symbol, "at": sent.at})
        except UnavailableError:
            self._drop(order_id)
            raise

    def unsent(self, order_id: str) -> None:
        """Put down that an order has certainly not left."""
        self._put({"unsent": order_id})
        self._drop(order_id)

    def learn(self, client_id: str, venue_id: str) -> None:
        """Note what the venue calls an order."""
        self.venue_ids[client_id] = venue_id
        self.client_ids[venue_id] = client_id

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _note(self, sent: Sent) -> None:
        self.by_order[sent.order_id] = self.by_client[sent.client_id] = sent

    def _drop(self, order_id: str) -> None:
        self.by_order.pop(order_id, None)
        self.by_client.pop(self.client_id(order_id), None)

    def _put(self, line: dict[str, object]) -> None:
        try:
            with self._lock:
                self._file.write(json.dumps(line).encode() + b"\n")
                self._file.flush()
                os.fsync(self._file.fileno())
        except (OSError, ValueError) as error:
            raise UnavailableError(
                f"not sent: {self.path} cannot be written ({error})", sent=False
            ) from None

    def _load(self) -> int:
        """Read what is there; return how many bytes of it are whole."""
        lines = self.path.read_bytes().split(b"\n")
        kept = 0
        for number, line in enumerate(lines[:-1], 1):
            try:
                told = json.loads(line)
                if "unsent" in told:
                    self._drop(told["unsent"])
                else:
                    name = told["order"]
                    self._note(Sent(name, self.client_id(name), told["symbol"], told["at"]))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"{self.path}:{number} is not a line of orders sent ({error}); restore the "
                    "file from a backup",
                    path=str(self.path),
                ) from None
            kept += len(line) + 1
        return kept
