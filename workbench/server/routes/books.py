"""Profit by strategy, and how our books stand to the venue's."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from workbench.live.accounts.view import difference_row, halt_row, profit_row
from workbench.server.services import services_of, who

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["books"])

Name = Annotated[str, Field(min_length=1, max_length=64)]


class AdoptBody(BaseModel):
    """Which differences are taken over, all by default, and why."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=300)]
    names: Annotated[tuple[Name, ...], Field(max_length=100)] = ()


@router.get("/profit")
async def read_profit(request: Request) -> dict[str, Any]:
    """Return the day's profit, and what each strategy has earned; their sum is the account's."""
    shot = services_of(request).desk.snapshot()
    return {
        "day_start": format(shot.day_start, "f"),
        "day_profit": format(shot.day_profit, "f"),
        "equity": format(shot.equity, "f"),
        "unvalued": {name: format(amount, "f") for name, amount in shot.unvalued.items()},
        "strategies": [profit_row(one) for one in shot.profits],
    }


@router.get("/reconcile")
async def read_reconciliation(request: Request) -> dict[str, Any]:
    """Say when the venue was asked what, what it says otherwise, and which symbols that halts."""
    desk = services_of(request).desk
    report, (halts, _) = await desk.reconciled(), await desk.halts()
    return {
        "answered": {
            name: at.isoformat().replace("+00:00", "Z") for name, at in report.answered.items()
        },
        "differences": [difference_row(one) for one in report.differences],
        "halted": [halt_row(one) for one in halts if one.scope.startswith("symbol:")],
    }


@router.post("/reconcile/adopt")
async def adopt(request: Request, body: AdoptBody) -> list[dict[str, Any]]:
    """Take differences over into our books: the venue is right. Needs the role admin.

    What was halted stays halted until an admin lowers it.
    """
    desk = services_of(request).desk
    taken = await desk.adopt(who(request), body.reason, body.names)
    return [
        {"name": one.name, "ours": format(one.ours, "f"), "theirs": format(one.theirs, "f")}
        for one in taken
    ]
