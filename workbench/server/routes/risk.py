"""The limits in force, what of them is used, who changed them; and why nothing happened."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from workbench.live.why import why_in
from workbench.risk.usage import Use
from workbench.server.services import services_of, who
from workbench.store.risk import Change, changes_of

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["risk"])

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Count = Annotated[int, Query(ge=1, le=1_000)]
Value = float | bool | tuple[str, ...] | None


class LimitsBody(BaseModel):
    """Limits by name, null lifts one; the others stay as they are."""

    model_config = ConfigDict(extra="forbid")

    limits: Annotated[dict[str, Value], Field(min_length=1, max_length=60)]
    reason: Annotated[str, Field(min_length=1, max_length=300)]


@router.get("/limits")
async def read_limits(request: Request) -> dict[str, Any]:
    """Return every limit in force and how much of it is used, open orders included."""
    desk = services_of(request).desk
    version, uses = await desk.usage()
    return {"version": version, "limits": [_use_row(use) for use in uses]}


@router.patch("/limits")
async def change_limits(request: Request, body: LimitsBody) -> dict[str, Any]:
    """Change limits at once, for a reason that is kept.

    A trader or an admin may tighten them; to loosen one needs the role admin.
    """
    change = await services_of(request).desk.change_limits(body.limits, who(request), body.reason)
    return _change_row(change)


@router.get("/limits/changes")
async def list_changes(request: Request, limit: Count = 100) -> list[dict[str, Any]]:
    """List who changed limits and halts, when, from what to what and why; newest first."""
    database = services_of(request).database

    def read() -> list[Change]:
        with database.read() as connection:
            return changes_of(connection, (), limit)

    return [_change_row(change) for change in await run_in_threadpool(read)]


@router.get("/why/{name}")
async def why(request: Request, name: Name) -> dict[str, Any]:
    """Say what became of a decision, an intent or an order: every rule, with its numbers."""
    database = services_of(request).database
    return (await run_in_threadpool(why_in, database, name)).to_dict()


def _use_row(use: Use) -> dict[str, Any]:
    return {
        "name": use.name,
        "limit": use.limit or None,
        "used": None if use.used is None else format(use.used, "f"),
        "unit": use.unit,
        "share": use.share,
    }


def _change_row(change: Change) -> dict[str, Any]:
    before, after = _plain(change.before), _plain(change.after)
    if isinstance(before, dict) and isinstance(after, dict):
        names = [name for name in after if before.get(name) != after[name]]
        before = {name: before.get(name) for name in names}
        after = {name: after[name] for name in names}
    return {
        "subject": change.subject,
        "version": change.version,
        "time": change.time.isoformat().replace("+00:00", "Z"),
        "actor": change.actor,
        "reason": change.reason,
        "before": before,
        "after": after,
    }


def _plain(text: str) -> Any:
    return json.loads(text) if text.startswith("{") else text
