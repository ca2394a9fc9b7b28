"""Settings: ``workbench.toml`` for facts, ``WORKBENCH_…`` or ``.env`` for secrets.

The workspace is the folder of the nearest ``workbench.toml`` (or of a
``pyproject.toml`` with a ``[tool.workbench]`` table) at or above the working
directory; without one it is the working directory itself. ``WORKBENCH_HOME`` names it
outright. Everything has a default: an embedded workspace under ``data/``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from dotenv import dotenv_values
from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from workbench.config_groups import FeedSettings, ReconcileSettings, RiskLimits, VenueSettings
from workbench.errors import UsageError, nearest

__all__ = [
    "FeedSettings",
    "ReconcileSettings",
    "RiskLimits",
    "Settings",
    "VenueSettings",
    "find_workspace",
    "load_settings",
]

AssetClass = Literal["stock", "crypto"]

_PREFIX = "WORKBENCH_"
_HOME = "WORKBENCH_HOME"


def _orders(value: Any) -> Any:
    """Read one list as the order for every asset class."""
    if isinstance(value, list | tuple):
        return dict.fromkeys(("stock", "crypto"), tuple(value))
    return value


Orders = Annotated[dict[AssetClass, tuple[str, ...]], BeforeValidator(_orders)]


class Settings(BaseSettings):
    """The settings of one workspace, frozen once read.

    Parameters
    ----------
    workspace : Path
        The folder that everything relative is relative to.
    data_dir : Path
        Bars, database, runs and reports; ``data`` by default.
    database_url : str, optional
        An SQLAlchemy address; by default an SQLite file in `data_dir`.
    bars_url : str, optional
        A PostgreSQL address where bars are kept instead of in files, best set in the
        environment: ``postgresql://user:password@host/database``.
    dask : str, optional
        The address of a Dask scheduler whose workers run sweeps, ``tcp://host:8786``.
    source : str
        Where ``wb.bars`` looks when no source is named and `sources` has no order.
    sources : list of str, or a table of them
        The order in which sources are asked, e.g. ``["polygon", "alpaca", "finnhub"]``, or
        one per asset class: ``stock`` and ``crypto``. The next is asked where one cannot help.
    alpaca_key, alpaca_secret, polygon_key, finnhub_key : str, optional
        Credentials; in the environment or ``.env``, never in a file that is shared.
    alpaca_paper_key, alpaca_paper_secret, alpaca_live_key, alpaca_live_secret : str, optional
        Credentials to trade with, likewise; a paper key trades nowhere else.
    binance_key, binance_secret, and the same of bybit, coinbase and kraken : str, optional
        Credentials to trade at an exchange, likewise; of Coinbase the name of the key, and
        the private key as it was given out.
    binance_paper_key, binance_paper_secret, and the same of bybit : str, optional
        Credentials of its demo trading, likewise.
    venues : table
        What differs from a vendor's usual terms, by its name; see `VenueSettings`.
    feeds : FeedSettings
        How live feeds behave.
    files_dir : Path, optional
        Where the source ``files`` finds its CSV and Parquet files.
    host, port : str, int
        Where the web app listens.
    public_url : str, optional
        The address in people's browsers, where a proxy stands before the server; with
        ``https`` the cookies are kept to it.
    session_hours : float
        How long a login lasts.
    mode : {"paper", "live"}
        Whether strategies may trade real money here at all.
    paper_days : int
        On how many days a strategy has to have traded on paper before it may go live.
    risk : RiskLimits
        What the risk gate lets pass.
    reconcile : ReconcileSettings
        How often our books are held against a venue's.
    cost_basis : {"average", "fifo"}
        How realised profit is told apart from the rest: at average cost, or what was bought
        first is sold first. The sum is the same.
    divergence_bps : float
        How far a live run may be off its backtest before it is told of, in bps of its capital.
    """

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        pyproject_toml_table_header=("tool", "workbench"),
        nested_model_default_partial_update=True,
    )

    workspace: Path
    data_dir: Path = Path("data")
    database_url: str | None = None
    bars_url: SecretStr | None = None
    dask: str | None = None
    source: str = "sample"
    sources: Orders = {}
    alpaca_key: SecretStr | None = None
    alpaca_secret: SecretStr | None = None
    alpaca_paper_key: SecretStr | None = None
    alpaca_paper_secret: SecretStr | None = None
    alpaca_live_key: SecretStr | None = None
    alpaca_live_secret: SecretStr | None = None
    polygon_key: SecretStr | None = None
    finnhub_key: SecretStr | None = None
    binance_key: SecretStr | None = None
    binance_secret: SecretStr | None = None
    binance_paper_key: SecretStr | None = None
    binance_paper_secret: SecretStr | None = None
    bybit_paper_key: SecretStr | None = None
    bybit_paper_secret: SecretStr | None = None
    bybit_key: SecretStr | None = None
    bybit_secret: SecretStr | None = None
    coinbase_key: SecretStr | None = None
    coinbase_secret: SecretStr | None = None
    kraken_key: SecretStr | None = None
    kraken_secret: SecretStr | None = None
    venues: dict[str, VenueSettings] = {}
    feeds: FeedSettings = FeedSettings()
    files_dir: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(8765, ge=0, le=65_535)
    public_url: str | None = Field(None, pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?$")
    session_hours: float = Field(12.0, gt=0)
    secret_key: SecretStr | None = None
    mode: Literal["paper", "live"] = "paper"
    paper_days: int = Field(10, ge=0)
    risk: RiskLimits = RiskLimits()
    reconcile: ReconcileSettings = ReconcileSettings()
    cost_basis: Literal["average", "fifo"] = "average"
    divergence_bps: float = Field(10.0, ge=0)

    def folder(self, name: str) -> Path:
        """Return a folder of the workspace's data, e.g. ``"bars"``; it may not exist yet."""
        return self.workspace / self.data_dir / name

    def venue(self, name: str) -> VenueSettings:
        """Return what is set for a vendor, the usual terms where nothing is."""
        return self.venues.get(name, VenueSettings())

    def secret(self, name: str, vendor: str) -> str:
        """Return a secret of the settings, e.g. ``"polygon_key"``.

        Raises
        ------
        UsageError
            It is not set; the error says which variable to set.
        """
        value: SecretStr | None = getattr(self, name)
        if value is None or not value.get_secret_value().strip():
            variable = f"{_PREFIX}{name.upper()}"
            raise UsageError(
                f"{vendor} needs a key: set {variable} in the environment or in "
                f"{self.workspace / '.env'}",
                vendor=vendor,
                variable=variable,
            )
        return value.get_secret_value().strip()

    @property
    def public_origin(self) -> str | None:
        """The origin of `public_url` as browsers write it, e.g. ``https://bench.example``."""
        if self.public_url is None:
            return None
        origin = self.public_url.lower().rstrip("/")
        usual = ":443" if origin.startswith("https:") else ":80"
        return origin.removesuffix(usual)

    @property
    def database(self) -> str:
        """The database's address, the embedded one where none is set."""
        return self.database_url or f"sqlite:///{self.folder('workbench.db')}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Tell where the settings come from, the nearest first."""
        del dotenv_settings, file_secret_settings
        folder = cast(InitSettingsSource, init_settings).init_kwargs["workspace"]
        return (init_settings, env_settings, *_files(settings_cls, folder))


class _DotEnv(DotEnvSettingsSource):
    """A ``.env`` that other programs may share: only our own names are looked at."""

    def __call__(self) -> dict[str, Any]:
        return EnvSettingsSource.__call__(self)


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
    if overrides:
        return _read(folder, overrides)
    files = [folder / name for name in (".env", "workbench.toml", "pyproject.toml")]
    texts = tuple(file.read_bytes() if file.is_file() else b"" for file in files)
    return _same(folder, frozenset(os.environ.items()), texts).model_copy(deep=True)


@lru_cache(maxsize=4)
def _same(folder: Path, *_: Any) -> Settings:
    """Read settings once for as long as all that they are made of stays as it is."""
    return _read(folder, {})


def _read(folder: Path, overrides: dict[str, Any]) -> Settings:
    _check_variables(os.environ, "the environment")
    _check_variables(dotenv_values(folder / ".env"), str(folder / ".env"))
    try:
        return Settings(workspace=folder, **overrides)
    except ValidationError as error:
        raise _translated(error, folder, overrides) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, SettingsError) as error:
        where = _unreadable(folder)
        raise UsageError(f"{where} cannot be read: {error}", path=str(where)) from None


def _files(model: type[BaseSettings], folder: Path) -> list[PydanticBaseSettingsSource]:
    return [
        _DotEnv(model, env_file=folder / ".env"),
        TomlConfigSettingsSource(model, folder / "workbench.toml"),
        PyprojectTomlConfigSettingsSource(model, folder / "pyproject.toml"),
    ]


def _is_checkout(path: Path) -> bool:
    return path.is_file() and "[tool.workbench]" in path.read_text("utf-8", errors="replace")


def _check_variables(names: Iterable[str], where: str) -> None:
    known = {f"{_PREFIX}{name.upper()}" for name in _known("")} | {_HOME}
    for name in names:
        if name.startswith(_PREFIX) and name.partition("__")[0] not in known:
            raise _unknown(name, known, where)


def _known(group: str) -> set[str]:
    groups: dict[str, type[BaseModel]] = {
        "risk": RiskLimits, "venues": VenueSettings, "feeds": FeedSettings,
        "reconcile": ReconcileSettings,
    }  # fmt: skip
    return set(groups.get(group, Settings).model_fields) - {"workspace"}


def _unknown(key: str, known: Iterable[str], where: str) -> UsageError:
    names = sorted(known)
    hint = nearest(key, names) or f"; known are {', '.join(names)}"
    return UsageError(f"unknown setting {key!r} in {where}{hint}", key=key, where=where)


def _unreadable(folder: Path) -> Path:
    """Return the file of settings that is no TOML, or the folder where that is not the cause."""
    for name in ("workbench.toml", "pyproject.toml"):
        try:
            tomllib.loads((folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            return folder / name
    return folder


def _translated(error: ValidationError, folder: Path, overrides: dict[str, Any]) -> UsageError:
    first = error.errors(include_input=False, include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    where = _origin(path[0], folder, overrides)
    if first["type"] == "extra_forbidden":
        return _unknown(path[-1], _known(path[0] if len(path) > 1 else ""), where)
    key = ".".join(path)
    return UsageError(f"setting {key!r} in {where}: {first['msg'].lower()}", key=key, where=where)


def _origin(key: str, folder: Path, overrides: dict[str, Any]) -> str:
    if key in overrides:
        return "the call"
    variable = f"{_PREFIX}{key.upper()}"
    if any(name.partition("__")[0] == variable for name in os.environ):
        return f"the environment ({variable})"
    for name, source in zip((".env", "workbench.toml"), _files(Settings, folder), strict=False):
        if key in source():
            return str(folder / name)
    return str(folder / "pyproject.toml")
