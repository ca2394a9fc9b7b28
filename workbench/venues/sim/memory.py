"""What keeps a simulated venue's account through a restart, as a real venue's would be.

One line of JSON per order state and execution, on the disk before anyone is told. A
last line that was cut short by a crash was never told, and is dropped.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import BinaryIO

from workbench.core.fill import Fill
from workbench.core.order import Order
from workbench.errors import DataError, OutcomeUnknownError
from workbench.store.codec import decode, dump, encode

__all__ = ["Memory"]


class Memory:
    """A file of what happened at a simulated venue.

    Parameters
    ----------
    path : Path
        Made where it is missing.

    Raises
    ------
    DataError
        A line other than the last cannot be read; the error names it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.cash: Decimal | None = None
        self.orders: dict[str, Order] = {}
        self.fills: list[Fill] = []
        kept = self._load() if path.exists() else 0
        self._file: BinaryIO = path.open("ab")
        self._file.truncate(kept)

    def write(self, kind: str, value: Order | Fill) -> None:
        """Put down an order's state (``"order"``) or an execution (``"fill"``).

        Raises
        ------
        OutcomeUnknownError
            The disk would not take it: the venue has it, and may have forgotten after a restart.
        """
        self._put(kind, encode(value))

    def _put(self, kind: str, value: dict[str, str]) -> None:
        try:
            self._file.write(f"{dump({'kind': kind, 'value': value})}\n".encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            # what was not written stays in the buffer and goes first next time
            raise OutcomeUnknownError(
                f"the simulated venue could not write {self.path}: {error.strerror}",
                path=str(self.path),
            ) from error

    def open_account(self, cash: Decimal) -> Decimal:
        """Put down the cash an account begins with, once; return what it began with."""
        if self.cash is None:
            self.cash = cash
            self._put("account", {"cash": encode(cash)})
        return self.cash

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _load(self) -> int:
        whole = self.path.read_bytes()
        kept = whole.rfind(b"\n") + 1
        for number, line in enumerate(whole[:kept].splitlines(), 1):
            try:
                entry = json.loads(line)
                self._take(entry["kind"], entry["value"])
            except (ValueError, KeyError, TypeError, InvalidOperation) as error:
                raise DataError(
                    f"{self.path}:{number} is not a line of a simulated venue: {error!r}; move the "
                    "file away to begin a new account",
                    path=str(self.path),
                    line=number,
                ) from None
        return kept

    def _take(self, kind: str, value: dict[str, str]) -> None:
        if kind == "account":
            self.cash = Decimal(value["cash"])
        elif kind == "fill":
            self.fills.append(decode(Fill, value))
        else:
            order = decode(Order, value)
            self.orders[order.order_id] = order
