"""What a notebook lets be set from outside: the plain assignments of its parameters cell."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.errors import UsageError, nearest

__all__ = ["checked", "declared"]

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,31}$")
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def declared(notebook: str | Path) -> dict[str, Any]:
    """Return the parameters of a notebook and their defaults.

    Parameters
    ----------
    notebook : str or Path
        A ``.ipynb`` with at most one code cell tagged ``parameters``, which assigns literals.

    Raises
    ------
    UsageError
        No such file, no notebook, or a parameters cell that does more than assign literals.

    Examples
    --------
    >>> import tempfile
    >>> page = Path(tempfile.mkdtemp()) / "a.ipynb"
    >>> cell = {"metadata": {"tags": ["parameters"]}, "source": "days: int = 5"}
    >>> _ = page.write_text(json.dumps({"cells": [cell]}))
    >>> declared(page)
    {'days': 5}
    """
    path = Path(notebook)
    if not path.is_file():
        raise UsageError(f"there is no notebook {path}", notebook=str(path))
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no notebook: {error}", notebook=str(path)) from None
    for cell in cells:
        if "parameters" in cell.get("metadata", {}).get("tags", ()):
            return _assignments("".join(cell["source"]), path)
    return {}


def _assignments(source: str, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        for line in ast.parse(source).body:
            if isinstance(line, ast.Assign) and len(line.targets) == 1:
                target, value = line.targets[0], line.value
            elif isinstance(line, ast.AnnAssign) and line.value is not None:
                target, value = line.target, line.value
            else:
                raise ValueError(f"line {line.lineno} is no plain assignment")
            if not isinstance(target, ast.Name):
                raise ValueError(f"line {line.lineno} assigns to more than a name")
            found[target.id] = ast.literal_eval(value)
    except (SyntaxError, ValueError) as error:
        raise UsageError(
            f"the parameters cell of {path.name} may only assign literals: {error}",
            notebook=str(path),
        ) from None
    return found


def checked(parameters: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters to run with, each of the type of its default.

    Parameters
    ----------
    parameters : mapping
        What was asked for. Text is read as a number, a truth or JSON where the default is one,
        as it comes from a form or a command line.
    known : mapping
        See `declared`. A default of None takes any plain value.

    Raises
    ------
    UsageError
        A name that is malformed or not declared (the nearest is offered), or a value of
        another type.

    Examples
    --------
    >>> checked({"days": "7"}, {"days": 5, "source": "sample"})
    {'days': 7}
    """
    found = {}
    for name, value in parameters.items():
        if not isinstance(name, str) or not _NAME.match(name):
            raise UsageError(
                f"{name!r} is no name of a parameter: a small letter, then at most 31 small "
                "letters, digits or underscores",
                parameter=name,
            )
        if name not in known:
            hint = nearest(name, known) or f"; it has {', '.join(sorted(known)) or 'none'}"
            raise UsageError(f"the notebook has no parameter {name!r}{hint}", parameter=name)
        found[name] = _typed(name, value, known[name])
    return found


def _typed(name: str, value: Any, default: Any) -> Any:
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, str) and not isinstance(default, str | None):
        value = _read(name, value, default)
    fits = default is None or type(value) is type(default)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(default, float) and whole:
        value, fits = float(value), True
    if isinstance(default, tuple) and isinstance(value, list):
        fits = True
    if not fits or not _is_plain(value):
        raise UsageError(
            f"parameter {name!r} must be {_kind(default)} like {default!r}, not {value!r}",
            parameter=name,
            value=value,
        )
    return value


def _read(name: str, text: str, default: Any) -> Any:
    try:
        if isinstance(default, bool):
            return _TRUTH[text.strip().lower()]
        if isinstance(default, list | tuple) and not text.lstrip().startswith("["):
            return [part.strip() for part in text.split(",") if part.strip()]
        return json.loads(text)
    except (KeyError, ValueError):
        raise UsageError(
            f"parameter {name!r} must be {_kind(default)} like {default!r}, not {text!r}",
            parameter=name,
            value=text,
        ) from None


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(inner) for inner in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(inner) for key, inner in value.items())
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int | str)


def _kind(default: Any) -> str:
    words = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}
    kind = type(default)
    return words.get(kind, "a list" if kind in (list, tuple) else "a plain value")
