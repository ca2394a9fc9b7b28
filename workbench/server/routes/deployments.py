"""Strategies at work on the desk: see, start, pause, resume and end them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from workbench.live.decisions.deployment import Deployment
from workbench.live.runs.at_work import at_work_row
from workbench.server.services import services_of, who
from workbench.strategy.registry import find

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["desk"])

Symbol = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./:_-]{0,39}$")]
Name = Annotated[str, Path(min_length=1, max_length=128)]
Text = Annotated[str, Field(max_length=300)]


class DeploymentBody(BaseModel):
    """A strategy to be put to work."""

    model_config = ConfigDict(extra="forbid")

    strategy: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
    params: Annotated[dict[str, float | int | str | bool], Field(max_length=40)] = {}
    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=50)]
    timeframe: Annotated[str, Field(pattern=r"^[0-9]{1,3}[a-zA-Z]{1,2}$")] = "1m"
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._ -]{0,64}$")] = ""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    at_close: Literal["keep", "cancel", "flatten"] = "keep"
    execution: Annotated[str, Field(pattern=r"^[a-z0-9_:=.,/-]{0,200}$")] = ""


class MoveBody(BaseModel):
    """Why a strategy is paused, resumed or ended."""

    model_config = ConfigDict(extra="forbid")

    reason: Text = ""


@router.get("/deployments")
async def list_deployments(request: Request) -> list[dict[str, Any]]:
    """List the strategies at work: state and why, last decision, position and profit of each."""
    return [at_work_row(one) for one in await services_of(request).desk.strategies()]


@router.post("/deployments", status_code=201)
async def deploy(request: Request, body: DeploymentBody) -> dict[str, Any]:
    """Put a known strategy to work on the paper desk; it outlives a restart of the server."""
    facts = body.model_dump()
    facts["execution"] = facts["execution"] or None
    known = await run_in_threadpool(find, facts.pop("strategy"))
    one = Deployment(strategy=known(**facts.pop("params")), **facts)
    return at_work_row(await services_of(request).desk.deploy(one, who(request)))


@router.post("/deployments/{name}/pause")
async def pause(request: Request, name: Name, body: MoveBody) -> dict[str, Any]:
    """Let a strategy decide no more until it is resumed; its orders and stops stay."""
    desk = services_of(request).desk
    return at_work_row(await desk.move(name, "pause", who(request), body.reason))


@router.post("/deployments/{name}/resume")
async def resume(request: Request, name: Name, body: MoveBody) -> dict[str, Any]:
    """Let a paused strategy decide again, from the next bar on."""
    desk = services_of(request).desk
    return at_work_row(await desk.move(name, "resume", who(request), body.reason))


@router.post("/deployments/{name}/end")
async def end(request: Request, name: Name, body: MoveBody) -> dict[str, Any]:
    """End a run for good and cancel what is open of it; what it holds stays held."""
    desk = services_of(request).desk
    return at_work_row(await desk.move(name, "end", who(request), body.reason))
