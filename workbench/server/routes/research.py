"""Strategies, and backtests of them."""

from __future__ import annotations

import inspect
import math
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from workbench.errors import UnavailableError
from workbench.server.identity import authorize
from workbench.server.jobs import Job, Wanted
from workbench.server.services import services_of, who
from workbench.strategy import registry
from workbench.strategy.parameters import specs

if TYPE_CHECKING:
    from workbench.backtest.result import Result

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["research"])

# a backtest of some thousand bars takes milliseconds; what takes longer is asked for again
_PATIENCE_SECONDS = 10.0
# names only: the registry also takes paths of files, and runs them
StrategyName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
SymbolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./:_-]{0,39}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Value = bool | int | Finite | Annotated[str, Field(max_length=100)]


class BacktestBody(BaseModel):
    """A backtest to run."""

    model_config = ConfigDict(extra="forbid")

    strategy: StrategyName
    symbols: Annotated[list[SymbolName], Field(min_length=1, max_length=50)]
    parameters: Annotated[dict[str, Value], Field(max_length=50)] = {}
    timeframe: Annotated[str, Field(max_length=8)] = "1d"
    start: datetime | None = None
    end: datetime | None = None
    source: Annotated[str | None, Field(max_length=40)] = None
    cash: Annotated[Finite, Field(gt=0, le=1e12)] = 100_000.0
    fee_bps: Annotated[Finite, Field(ge=0, le=1_000)] = 0.0
    slippage_bps: Annotated[Finite, Field(ge=0, le=1_000)] = 0.0
    save: bool = False

    def wanted(self) -> Wanted:
        """Return it as the jobs take it."""
        fields = self.model_dump()
        fields["symbols"] = tuple(fields["symbols"])
        return Wanted(**fields)


@router.get("/strategies")
def list_strategies() -> list[dict[str, Any]]:
    """List the strategies, each with its parameters, their limits and defaults."""
    return [_strategy(name) for name in registry.names()]


@router.get("/strategies/{name}")
def read_strategy(name: str) -> dict[str, Any]:
    """Return one strategy."""
    return _strategy(name if name.isidentifier() else "?")


@router.post("/backtests", status_code=201)
async def start_backtest(
    request: Request, body: BacktestBody, response: Response
) -> dict[str, Any]:
    """Run a backtest: 201 with its statistics, or 202 and where to ask again."""
    services, asking = services_of(request), who(request)
    authorize(asking, "research")
    job = services.backtests.start(body.wanted(), asking.username)
    response.headers["location"] = f"/api/v1/backtests/{job.job_id}"
    if not await job.within(_PATIENCE_SECONDS):
        response.status_code = 202
        response.headers["retry-after"] = "2"
    return _told(job)


@router.get("/backtests")
def list_backtests(request: Request) -> list[dict[str, Any]]:
    """List your latest backtests, newest first; an admin sees everyone's."""
    found = services_of(request).backtests.jobs(_owner(request))
    return [_head(job) for job in found]


@router.get("/backtests/{job_id}")
def read_backtest(request: Request, job_id: str) -> dict[str, Any]:
    """Return a backtest's state and, once it is done, its statistics."""
    return _told(services_of(request).backtests.find(job_id, _owner(request)))


@router.get("/backtests/{job_id}/equity")
async def read_equity(request: Request, job_id: str) -> dict[str, Any]:
    """Return the equity curve and the drawdown, as columns."""
    result = _result(request, job_id)
    return {
        "time": [_plain(stamp) for stamp in result.equity.index],
        "equity": [_plain(value) for value in result.equity.tolist()],
        "drawdown": [_plain(value) for value in result.drawdown.tolist()],
    }


@router.get("/backtests/{job_id}/fills")
async def read_fills(
    request: Request, job_id: str, limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000
) -> list[dict[str, Any]]:
    """Return the last fills, oldest first."""
    result = _result(request, job_id)
    return await run_in_threadpool(_rows, result.fills.iloc[-limit:])


def _owner(request: Request) -> str | None:
    """Return whose backtests may be seen; None is everyone's."""
    asking = who(request)
    return None if asking.may("oversee") else asking.username


def _result(request: Request, job_id: str) -> Result:
    job = services_of(request).backtests.find(job_id, _owner(request))
    if job.status in ("waiting", "running"):
        raise UnavailableError(f"the backtest is {job.status}; ask again shortly", retry_after=1.0)
    return job.future.result(timeout=0)


def _strategy(name: str) -> dict[str, Any]:
    found = registry.find(name)
    return {
        "name": name,
        "summary": (inspect.getdoc(found) or "").partition("\n")[0],
        "parameters": [
            {
                "name": spec.name,
                "type": spec.type.__name__,
                "default": _plain(spec.default),
                "low": spec.low,
                "high": spec.high,
                "step": spec.step,
                "choices": None if spec.choices is None else [_plain(c) for c in spec.choices],
                "summary": spec.doc,
            }
            for spec in specs(found).values()
        ],
    }


def _head(job: Job) -> dict[str, Any]:
    wanted = job.wanted
    return {
        "id": job.job_id,
        "status": job.status,
        "owner": job.owner,
        "created": _plain(job.created),
        "strategy": wanted.strategy,
        "parameters": dict(wanted.parameters),
        "symbols": list(wanted.symbols),
    }


def _told(job: Job) -> dict[str, Any]:
    told = _head(job)
    if job.status in ("waiting", "running"):
        return told
    result = job.future.result(timeout=0)
    told["stats"] = {name: _plain(value) for name, value in result.stats.items()}
    told["conventions"] = {k: _plain(v) for k, v in result.stats.attrs["conventions"].items()}
    told["findings"] = list(result.findings)
    told["run_id"] = result.manifest.run_id
    return told


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): _plain(v) for k, v in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
