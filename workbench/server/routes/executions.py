"""Orders of the desk that are worked in parts: see, pause, resume; an end is that of any order."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from workbench.server.services import services_of, who

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["desk"])

Name = Annotated[str, Path(min_length=1, max_length=64)]


class StepBody(BaseModel):
    """Why an order that is worked in parts is paused or resumed."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=300)] = ""


@router.get("/executions")
async def list_executions(request: Request) -> list[dict[str, Any]]:
    """List the orders that are worked in parts, newest first, each with its parts."""
    return await services_of(request).desk.executions()


@router.get("/executions/{order_id}")
async def read_execution(request: Request, order_id: Name) -> dict[str, Any]:
    """Return one with its parts, and as `benchmark` how it was done.

    Arrival, VWAP, TWAP and close of its window, and the slippage against each in basis points:
    positive is worse. None where no bar lies in its window yet.
    """
    return await services_of(request).desk.execution(order_id)


@router.post("/executions/{order_id}/{step}")
async def move_execution(
    request: Request, order_id: Name, step: Literal["pause", "resume"], body: StepBody
) -> dict[str, Any]:
    """Withdraw what is open and wait, or let it go on; `DELETE /orders/{order_id}` ends it."""
    return await services_of(request).desk.move_execution(order_id, step, who(request), body.reason)
