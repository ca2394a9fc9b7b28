"""The pedigree of a run: everything needed to know a number again, or to make it again."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from enum import Enum
from functools import cache
from html import escape
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from workbench.core.clock import WallClock
from workbench.core.ids import run_id
from workbench.errors import DataError
from workbench.runs.code_hash import code_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DataFacts", "Manifest", "package_versions", "plain"]

_PACKAGES = ("numpy", "pandas", "numba", "ta-lib")


class _Named(Protocol):
    """What a strategy must offer to be written down."""

    @property
    def name(self) -> str: ...
    @property
    def params(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class DataFacts:
    """What a run knows of its bars.

    Parameters
    ----------
    fingerprint : str
        The digest of index, columns and values of the very frame that was used; a slice
        of stored bars has its own.
    source, adjustment : str or None
        As the bars say themselves; None where they do not.
    timeframe, calendar : str or None
        As the bars say, else as `workbench.data.schema.describe` infers them.
    symbols : tuple of str
        In the order of the columns; ``("asset",)`` for one nameless symbol.
    start, end : str or None
        The labels of the first and the last bar, ISO 8601; None for an empty frame.
    bars : int
        How many rows.
    """

    fingerprint: str
    source: str | None = None
    adjustment: str | None = None
    symbols: tuple[str, ...] = ()
    timeframe: str | None = None
    calendar: str | None = None
    start: str | None = None
    end: str | None = None
    bars: int = 0

    @classmethod
    def of(cls, bars: pd.DataFrame) -> DataFacts:
        """Read the facts off a frame of bars; the fingerprint is computed, never believed."""
        from workbench.data import schema
        from workbench.runs.fingerprint import fingerprint

        info = schema.describe(bars)

        def said(name: str) -> str | None:
            return None if bars.attrs.get(name) is None else str(bars.attrs[name])

        return cls(
            fingerprint=fingerprint(bars),
            source=said("source"),
            adjustment=said("adjustment"),
            symbols=info.symbols,
            timeframe=info.timeframe,
            calendar=info.calendar,
            start=bars.index[0].isoformat() if len(bars) else None,
            end=bars.index[-1].isoformat() if len(bars) else None,
            bars=len(bars),
        )


@dataclass(frozen=True)
class Manifest:
    """What a run was made of; frozen, and the same after a trip through JSON.

    Values of `params` and `conventions` are brought to what JSON holds when the manifest
    is made: dates to ISO 8601, members of enums to their values, tuples to lists,
    strategies to name and parameters, anything else to its ``repr``. NaN and infinity become
    ``"nan"``, ``"inf"`` and ``"-inf"``.

    Parameters
    ----------
    run_id : str
        Names the run, and its folder once it is saved.
    kind : str
        ``"backtest"``, ``"sweep"``, ``"replay"``, ``"live"``…
    strategy : str
        The name of the strategy's class.
    params : mapping
        Its parameters, defaults included.
    code_hash : str
        See `workbench.runs.code_hash`.
    data : DataFacts
        The bars.
    packages : mapping of str to str
        Versions of Python, the workbench and what computes its numbers.
    seed : int or None
        Of whatever is drawn; None where nothing is.
    conventions : mapping
        Fill, sizing, costs, stops, periods per year, cash, risk-free rate.
    created : str
        When the run began, ISO 8601, UTC.

    Examples
    --------
    >>> manifest = Manifest("r1", "backtest", "SmaCross", {"fast": 10}, "c0de", DataFacts("f00d"))
    >>> Manifest.from_json(manifest.to_json()) == manifest
    True
    """

    run_id: str
    kind: str
    strategy: str
    params: Mapping[str, Any]
    code_hash: str
    data: DataFacts
    packages: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    conventions: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""

    def __post_init__(self) -> None:
        for name in ("params", "packages", "conventions"):
            object.__setattr__(self, name, MappingProxyType(plain(dict(getattr(self, name)))))

    @classmethod
    def create(
        cls,
        kind: str,
        strategy: _Named,
        bars: pd.DataFrame,
        conventions: Mapping[str, Any],
        *,
        seed: int | None = None,
        created: datetime | None = None,
    ) -> Manifest:
        """Write down a run that begins.

        Parameters
        ----------
        kind : str
            The runner.
        strategy : Strategy
            The object; a sweep gives the one whose parameters are not varied.
        bars : DataFrame
            What it runs on.
        conventions : mapping
            Everything else the numbers depend on.
        seed : int, optional
            Where something is drawn.
        created : datetime, optional
            The start; now by default.
        """
        started = created or WallClock().now()
        data = DataFacts.of(bars)
        code = code_of(strategy)
        content = json.dumps([plain(dict(strategy.params)), code, data.fingerprint, seed])
        return cls(
            run_id=run_id(kind, f"{strategy.name}{content}{plain(dict(conventions))}", started),
            kind=kind,
            strategy=strategy.name,
            params=strategy.params,
            code_hash=code,
            data=data,
            packages=package_versions(),
            seed=seed,
            conventions=conventions,
            created=started.isoformat(),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists, texts and numbers."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("params", "packages", "conventions"):
            found[name] = dict(found[name])
        found["data"] = asdict(self.data) | {"symbols": list(self.data.symbols)}
        return found

    def to_json(self) -> str:
        """Return strict JSON, indented; `from_json` reads it."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Manifest:
        """Make a manifest from what `to_dict` gave.

        Raises
        ------
        DataError
            A field is missing, unknown or not of its kind.
        """
        try:
            data = dict(values["data"])
            facts = DataFacts(**data | {"symbols": tuple(data.get("symbols", ()))})
            return cls(**{**values, "data": facts})
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"this is no manifest of a run: {error}") from None

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Make a manifest from what `to_json` gave.

        Raises
        ------
        DataError
            The text is no JSON, or no manifest.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(f"the manifest is not valid JSON: {error}") from None
        if not isinstance(values, dict):
            raise DataError("the manifest is not a JSON object")
        return cls.from_dict(values)

    def __hash__(self) -> int:
        return hash(self.run_id)

    def __reduce__(self) -> tuple[Any, ...]:
        return Manifest.from_dict, (self.to_dict(),)

    def _repr_html_(self) -> str:
        data = self.data
        rows = {
            "run": self.run_id,
            "strategy": f"{self.strategy}({_pairs(self.params)}), code {self.code_hash}",
            "data": f"{', '.join(data.symbols)} {data.timeframe or ''} from {data.source or '?'}, "
            f"{data.bars:,} bars, {data.start} to {data.end}, fingerprint {data.fingerprint[:12]}",
            "conventions": _pairs(self.conventions),
            "packages": _pairs(self.packages),
            "seed": "nothing is drawn" if self.seed is None else str(self.seed),
            "created": self.created,
        }
        cells = "".join(
            f"<tr><th style='text-align:left'>{name}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for name, text in rows.items()
        )
        return f"<table>{cells}</table>"


@cache
def package_versions() -> Mapping[str, str]:
    """Return the versions of Python, the workbench and what computes its numbers.

    Examples
    --------
    >>> sorted(package_versions())
    ['numba', 'numpy', 'pandas', 'python', 'ta-lib', 'workbench']
    """
    found = {"python": platform.python_version(), "workbench": _version("trading-workbench")}
    return MappingProxyType(found | {name: _version(name) for name in _PACKAGES})


def plain(value: Any) -> Any:
    """Bring a value to what strict JSON holds, as `Manifest` tells.

    Examples
    --------
    >>> plain({"window": (1, 2), "limit": float("inf")})
    {'window': [1, 2], 'limit': 'inf'}
    """
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(inner) for inner in value), key=repr)
    if hasattr(value, "params") and hasattr(value, "name"):
        return {"strategy": value.name, "params": plain(value.params)}
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return int(value) if isinstance(value, int) else repr(value)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())
