"""Runs a strategy's own code where it can hold up nobody: in a thread, for so long at most."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from workbench.errors import UsageError, WorkbenchError

__all__ = ["Worker"]

T = TypeVar("T")


class Worker:
    """A thread for one strategy; it ends with the process, whatever the strategy does.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> async def answer():
    ...     worker = Worker("example")
    ...     return await worker.call(lambda: 6 * 7, timeout=5.0)
    >>> asyncio.run(answer())
    42
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._work: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def call(self, work: Callable[[], T], timeout: float) -> T:
        """Return what `work` returns.

        Raises
        ------
        UsageError
            It raised something, or took longer than `timeout` seconds; then it may still run.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._work.put((work, loop, future))
        try:
            return await asyncio.wait_for(future, timeout)
        except TimeoutError:
            raise UsageError(
                f"{self.name} took longer than {timeout:g} s to decide", strategy=self.name
            ) from None

    def close(self) -> None:
        """Let the thread end once it has nothing to do."""
        self._work.put(None)

    def _run(self) -> None:
        result: Any
        error: WorkbenchError | None
        while (item := self._work.get()) is not None:
            work, loop, future = item
            try:
                result, error = work(), None
            except WorkbenchError as caught:
                result, error = None, caught
            except Exception as caught:  # noqa: BLE001 - a user's strategy may raise anything
                text = f"{self.name} raised {type(caught).__name__}: {caught}"
                result, error = None, UsageError(text, strategy=self.name)
                error.__cause__ = caught
            if not loop.is_closed():  # nobody waits any more after a stop
                loop.call_soon_threadsafe(_answer, future, result, error)


def _answer(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
