"""Settings: ``workbench.toml`` for facts, ``WORKBENCH_…`` or ``.env`` for secrets.

The workspace is the folder of the nearest ``workbench.toml`` (or of a
``pyproject.toml`` with a ``[tool.workbench]`` table) at or above the working
directory; without one it is the working directory itself. ``WORKBENCH_HOME`` names it
outright. Everything has a default: an embedded workspace under ``data/``.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from workbench.errors import UsageError, nearest

__all__ = ["RiskLimits", "Settings", "find_workspace", "load_settings"]

_PREFIX = "WORKBENCH_"
_HOME = "WORKBENCH_HOME"


class RiskLimits(BaseModel):
    """What the risk gate lets pass; ``None`` switches a rule off.

    Fractions are of equity, money is in the account's currency.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbols: tuple[str, ...] | None = None
    max_order_notional: float | None = 250_000.0
    max_order_quantity: float | None = None
    max_position_notional: float | None = 500_000.0
    max_gross: float | None = 2.0
    max_daily_loss: float | None = 0.10
    price_collar: float | None = 0.10


class Settings(BaseModel):
    """The settings of one workspace, frozen once read.

    Parameters
    ----------
    workspace : Path
        The folder that everything relative is relative to.
    data_dir : Path
        Bars, database, runs and reports; ``data`` by default.
    database_url : str, optional
        An SQLAlchemy address; by default an SQLite file in `data_dir`.
    source : str
        Where ``wb.bars`` looks when no source is named.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    workspace: Path
    data_dir: Path = Path("data")
    database_url: str | None = None
    source: str = "sample"
    files_dir: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(8765, ge=0, le=65_535)
    session_hours: float = Field(12.0, gt=0)
    secret_key: SecretStr | None = None
    max_workers: int | None = Field(None, ge=1)
    risk: RiskLimits = RiskLimits()

    def folder(self, name: str) -> Path:
        """Return a folder of the workspace's data, e.g. ``"bars"``; it may not exist yet."""
        return self.workspace / self.data_dir / name

    @property
    def database(self) -> str:
        """The database's address, the embedded one where none is set."""
        return self.database_url or f"sqlite:///{self.folder('workbench.db')}"


def find_workspace(start: Path | None = None) -> Path:
    """Return the workspace's folder, as told in the module's docstring."""
    home = os.environ.get(_HOME)
    if home:
        return Path(home).expanduser().resolve()
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "workbench.toml").is_file() or _is_checkout(folder / "pyproject.toml"):
            return folder
    return here


def load_settings(workspace: Path | str | None = None, **overrides: Any) -> Settings:
    """Read the settings of a workspace.

    What is nearer wins: `overrides`, then ``WORKBENCH_…`` in the environment, then
    ``.env``, then ``workbench.toml``, then the defaults. A nested key is written with
    two underscores: ``WORKBENCH_RISK__MAX_GROSS=1``.

    Parameters
    ----------
    workspace : Path or str, optional
        The folder; found as the module tells when left out.

    Raises
    ------
    UsageError
        An unknown key (the nearest known one is offered) or a value out of range;
        the error names the file or the variable.

    Examples
    --------
    >>> load_settings(port=9000).port
    9000
    """
    folder = Path(workspace).expanduser().resolve() if workspace else find_workspace()
    merged: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for source, values in (
        *_files(folder),
        (".env", _env_keys(_read_env(folder / ".env"), ".env")),
        ("the environment", _env_keys(dict(os.environ), "the environment")),
        ("the call", overrides),
    ):
        _check_keys(values, source)
        _merge(merged, values)
        origin.update(dict.fromkeys(values, source))
    try:
        return Settings(workspace=folder, **merged)
    except ValidationError as error:
        raise _translated(error, origin) from None


def _files(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, table in (("pyproject.toml", ("tool", "workbench")), ("workbench.toml", ())):
        path = folder / name
        if not path.is_file():
            continue
        values = _read_toml(path)
        for key in table:
            values = values.get(key, {})
        found.append((str(path), values))
    return found


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}", path=str(path)) from None


def _is_checkout(path: Path) -> bool:
    return path.is_file() and "[tool.workbench]" in path.read_text(encoding="utf-8", errors="replace")


def _read_env(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    pairs = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        key, sign, value = text.partition("=")
        if not sign:
            raise UsageError(f"{path}:{number} is not KEY=value", path=str(path), line=number)
        pairs[key.strip()] = value.strip().strip("'\"")
    return pairs


def _env_keys(variables: dict[str, str], where: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in variables.items():
        if not name.startswith(_PREFIX) or name == _HOME:
            continue
        *groups, key = name.removeprefix(_PREFIX).lower().split("__")
        table = values
        for group in groups:
            table = table.setdefault(group, {})
        table[key] = value
    return values


def _check_keys(values: dict[str, Any], source: str) -> None:
    known = set(Settings.model_fields) - {"workspace"}
    for key, value in values.items():
        if key not in known:
            raise _unknown(key, known, source)
        if key == "risk" and isinstance(value, dict):
            for inner in value:
                if inner not in RiskLimits.model_fields:
                    raise _unknown(inner, set(RiskLimits.model_fields), f"{source} [risk]")


def _unknown(key: str, known: set[str], source: str) -> UsageError:
    hint = nearest(key, sorted(known)) or f"; known are {', '.join(sorted(known))}"
    return UsageError(f"unknown setting {key!r} in {source}{hint}", key=key, source=source)


def _merge(into: dict[str, Any], values: dict[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _translated(error: ValidationError, origin: dict[str, str]) -> UsageError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    source = origin.get(str(first["loc"][0]), "the settings")
    return UsageError(
        f"setting {key!r} in {source}: {first['msg'].lower()}", key=key, source=source
    )
