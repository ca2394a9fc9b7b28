"""The way to a Dask cluster: who is there, what they were given, how their code gets there."""

from __future__ import annotations

import hashlib
import io
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from workbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from workbench.backtest.engine import Simulation

__all__ = ["Cluster", "connect", "packed"]

_EXTRA = 'pip install "trading-workbench[dask]"'
_CONNECT_SECONDS = 10


class Cluster:
    """A client of a Dask scheduler, and the bars its workers hold.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self._given: dict[str, Any] = {}
        self._packed: dict[int, tuple[Simulation, str, bytes]] = {}

    @property
    def address(self) -> str:
        """Where the scheduler is."""
        return str(self.client.scheduler.address if self.client.scheduler else "gone")

    def threads(self) -> int:
        """Return how many chunks can run at once: 0 where there is no worker, or no scheduler."""
        if self.client.status != "running":
            return 0
        try:
            return sum(self.client.nthreads().values())
        except (OSError, TimeoutError):
            return 0

    def give(self, simulation: Simulation) -> tuple[Any, str]:
        """Return bars and choices as they lie with the workers; they are sent once.

        They are sent to all workers at once, so that the loss of one loses nothing.
        """
        known = self._packed.get(id(simulation))
        if known is None:
            data = packed(simulation)
            known = self._packed[id(simulation)] = (
                simulation,
                hashlib.sha256(data).hexdigest(),
                data,
            )
        _, key, data = known
        if key not in self._given or self._given[key].status != "finished":
            self._given[key] = self.client.scatter(data, broadcast=True, hash=False)
        return self._given[key], key

    def forget(self) -> None:
        """Send everything anew when it is asked for next: the workers that held it are gone."""
        self._given.clear()

    def check(self) -> None:
        """Refuse workers that would compute other numbers.

        Raises
        ------
        UsageError
            One has no workbench, or other versions than this process.
        """
        from workbench.research.dask_chunk import versions

        ours = versions()
        found = self.client.run(versions, on_error="return")
        for worker, theirs in found.items():
            if isinstance(theirs, BaseException):
                raise UsageError(
                    f"the Dask worker {worker} has no workbench like this one: {theirs}; install "
                    "the same environment there",
                    worker=worker,
                ) from theirs
            differ = [name for name in ours if theirs.get(name) != ours[name]]
            if differ:
                told = ", ".join(f"{n} {theirs.get(n)} instead of {ours[n]}" for n in differ)
                raise UsageError(
                    f"the Dask worker {worker} would give other numbers, it has {told}; install "
                    "the same environment there",
                    worker=worker,
                )


@contextmanager
def connect(on: Any) -> Iterator[Cluster]:
    """Reach a cluster; a client that was made here is closed at the end.

    Parameters
    ----------
    on : str, Client or cluster
        ``"tcp://host:8786"``, or an object of `distributed`, which stays open.

    Raises
    ------
    UsageError
        Dask is not installed, or `on` is none of these.
    UnavailableError
        No scheduler answers.
    """
    client, is_ours = _client(on)
    cluster = Cluster(client)
    try:
        yield cluster
    finally:
        cluster.forget()
        if is_ours:
            client.close(timeout=2)


def _client(on: Any) -> tuple[Any, bool]:
    try:
        import distributed
    except ImportError:
        raise UsageError(
            f"a sweep on other machines needs Dask, which is not installed: {_EXTRA}",
            package="distributed",
        ) from None
    if isinstance(on, distributed.Client):
        if on.asynchronous:
            raise UsageError("the Client is asynchronous; give a synchronous one, or its address")
        return on, False
    address = getattr(on, "scheduler_address", on)
    if not isinstance(address, str) or "://" not in address:
        raise UsageError(
            f"on must be the address of a Dask scheduler (tcp://host:8786), a Client or "
            f'"here", not {on!r}',
            on=on,
        )
    client: Any = distributed.Client
    try:
        return client(address, timeout=_CONNECT_SECONDS, set_as_default=False), True
    except (OSError, TimeoutError, ValueError) as error:
        raise UnavailableError(
            f"no Dask scheduler answers at {address} ({error}); start one with `dask scheduler`, "
            'or leave out on= (or give on="here") to use this machine',
            retry_after=_CONNECT_SECONDS,
            on=address,
        ) from error


def packed(value: Any, *, code_of: type | None = None) -> bytes:
    """Pickle something for the workers.

    Parameters
    ----------
    value
    code_of : type, optional
        A strategy's class. Its code travels with it where it was typed into a notebook or
        stands in a file of the user's: the workers need not have it.

    Raises
    ------
    UsageError
        It holds something that cannot be sent.
    """
    import cloudpickle

    registered = [module for module in _modules(code_of) if not _is_registered(module)]
    for module in registered:
        cloudpickle.register_pickle_by_value(module)
    try:
        buffer = io.BytesIO()
        cloudpickle.Pickler(buffer).dump(value)
        return buffer.getvalue()
    except (TypeError, AttributeError, ValueError, RuntimeError) as error:
        name = code_of.__name__ if code_of else type(value).__name__
        raise UsageError(f"{name} cannot be sent to the workers: {error}", strategy=name) from error
    finally:
        for module in registered:
            cloudpickle.unregister_pickle_by_value(module)


def _modules(cls: type | None) -> list[ModuleType]:
    """Return the modules of a class and its bases that a worker may not have."""
    names = dict.fromkeys(base.__module__ for base in cls.__mro__) if cls else {}
    found = (sys.modules.get(name) for name in names if name != "__main__")
    return [module for module in found if module is not None and _is_users(module)]


def _is_users(module: ModuleType) -> bool:
    if module.__name__.partition(".")[0] in {"workbench", *sys.builtin_module_names}:
        return False
    path = getattr(module, "__file__", None)
    if path is None:
        return False
    here = Path(path).resolve()
    installed = {
        Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")
    }
    return not any(here.is_relative_to(folder) for folder in installed)


def _is_registered(module: ModuleType) -> bool:
    import cloudpickle

    return module.__name__ in cloudpickle.list_registry_pickle_by_value()
