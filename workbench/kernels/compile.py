"""The one door to the compiler.

Compiled code is kept between processes. Numba notices an edit of the file a function
stands in, but not of the files it calls into; so the folder is named after a digest of
*all* kernel sources, and an edit of any of them starts a new one.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeVar, cast

import numba
import numba.np.linalg

from workbench.errors import UsageError

__all__ = ["cache_folder", "jit", "part", "plain", "rule", "step"]

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
# Without numba's runtime nothing is counted: an array that comes in is borrowed.
_STEP: dict[str, bool] = {"forceinline": True, "_nrt": False}


def _defer_scipy() -> None:
    """Let numba look for SciPy's linear algebra when it is used, not when numba is.

    To know whether there is one, numba loads all of ``scipy.linalg``: a fifth of the CPU time of
    a first backtest. Where SciPy is installed the answer is known; whatever needs it makes sure
    of it again when it is compiled.
    """
    linalg: Any = numba.np.linalg
    look = linalg.ensure_blas
    if find_spec("scipy") is None:
        return
    linalg.ensure_blas = lambda: None
    try:
        import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = look


_defer_scipy()


def jit(function: F) -> F:
    """Compile a flat function at its first call, and keep the result between processes.

    Division by zero gives what IEEE 754 says, as in numpy. No fast-math: it would break
    NaN, and with it the parity of kernel, simulated venue and reference. The plain
    function stays reachable as ``function.py_func``. While compiled code runs, other threads
    may run Python.

    Parameters
    ----------
    function : callable
        Scalars, arrays and named tuples of them only; it never takes a function.

    Examples
    --------
    >>> @jit
    ... def double(x: float) -> float:
    ...     return 2.0 * x
    >>> double(1.5), double.py_func(1.5)
    (3.0, 3.0)
    """
    return _compiled(function)


def part(function: F) -> F:
    """Compile a function that only other compiled ones call, else as `jit`.

    Its way in from Python would take longer to compile than most such functions; without one,
    a call from Python is a UsageError.

    Parameters
    ----------
    function : callable
        As for `jit`.

    Examples
    --------
    >>> @part
    ... def half(x: float) -> float:
    ...     return 0.5 * x
    >>> @jit
    ... def quarter(x: float) -> float:
    ...     return half(half(x))
    >>> quarter(3.0)
    0.75
    """
    return _closed(_compiled(function, no_cpython_wrapper=True))


def step(function: F) -> F:
    """Compile a step of a kernel into whoever calls it; Python cannot call it.

    A step gets the whole state of a simulation handed on: a hundred words to copy, and a
    reference to count for each array. As a part of its caller it does neither, which makes a
    simulation with many fills more than twice as fast. In return it neither makes nor returns
    an array: it fills those it was given.

    Parameters
    ----------
    function : callable
        As for `jit`; returns numbers, if anything.

    Examples
    --------
    >>> @step
    ... def half(x: float) -> float:
    ...     return 0.5 * x
    >>> @jit
    ... def quarter(x: float) -> float:
    ...     return half(half(x))
    >>> quarter(3.0)
    0.75
    """
    return _closed(_compiled(function, **_STEP, no_cpython_wrapper=True))


def rule(function: F) -> F:
    """Compile a step that Python calls as well: the scalar rules, for the simulated venue.

    Its way in from Python takes longer to compile than a rule itself, so that a `step` has none.

    Parameters
    ----------
    function : callable
        As for `step`.

    Examples
    --------
    >>> @rule
    ... def half(x: float) -> float:
    ...     return 0.5 * x
    >>> half(3.0)
    1.5
    """
    return _compiled(function, **_STEP)


def plain(function: F) -> F:
    """Return a compiled function as Python alone runs it.

    Examples
    --------
    >>> @jit
    ... def double(x: float) -> float:
    ...     return 2.0 * x
    >>> plain(double)(1.5)
    3.0
    """
    compiled: Any = function
    return cast(F, compiled.py_func)


def _closed(function: F) -> F:
    """Let a call from Python fail in words: numba itself would jump to nowhere."""
    compiled: Any = function
    name = compiled.py_func.__name__

    def refuse(*_: Any, **__: Any) -> None:
        raise UsageError(
            f"{name}() has no way in from Python; call {name}.py_func(), or compile it with `jit` "
            "or `rule`",
            function=name,
        )

    def keep(overload: Any) -> None:
        # Known to compiled callers, not to numba's own dispatch of a call from Python.
        compiled.overloads[tuple(overload.signature.args)] = overload

    compiled.add_overload = keep
    compiled._compile_for_args = refuse
    return function


def _compiled(function: F, **options: bool) -> F:
    njit: Any = numba.njit
    # What has no file of its own (a doctest, a notebook's cell) has no place in the folder.
    is_kernel = Path(function.__code__.co_filename).parent == Path(__file__).parent
    folder = cache_folder() if is_kernel else None
    if folder is None:
        return cast(F, njit(**_OPTIONS, **options)(function))
    # The setting is global to the process: it is ours only while the function is wrapped.
    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(folder)
    try:
        return cast(F, njit(cache=True, **_OPTIONS, **options)(function))
    finally:
        settings.CACHE_DIR = before


@cache
def cache_folder() -> Path | None:
    """Return the folder of compiled kernels, or None where none can be written.

    It is ``NUMBA_CACHE_DIR`` where that is set, else the user's cache folder, and in it
    one folder per state of the kernel sources and version of numba. Where it cannot be
    written a warning says so, and kernels are compiled anew in each process.
    """
    folder = _base() / f"numba-{_digest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        warnings.warn(
            f"compiled kernels cannot be kept in {folder} ({error.strerror}); each process "
            "compiles them anew, which takes some seconds. Set NUMBA_CACHE_DIR to a folder "
            "that can be written.",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return folder


def _base() -> Path:
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "workbench" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "workbench"
    xdg = os.environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else Path.home() / ".cache") / "workbench"


def _digest() -> str:
    digest = hashlib.sha256(f"{numba.__version__}|{sys.version_info[:2]}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
