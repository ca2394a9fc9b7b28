"""Orders, positions, account and the kill switch of the desk."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from workbench.errors import WorkbenchError
from workbench.live.accounts.ticket import Ticket
from workbench.live.accounts.view import (
    Snapshot,
    account_row,
    fill_row,
    halt_row,
    holding_row,
    order_row,
)
from workbench.risk.halt import HaltLevel
from workbench.server.services import services_of, who

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["desk"])

Amount = Annotated[Decimal, Field(gt=0, max_digits=28, decimal_places=12, allow_inf_nan=False)]
Scope = Annotated[str, Field(max_length=120)]
Limit = Annotated[int, Query(ge=1, le=1_000)]


class OrderBody(BaseModel):
    """An order to place."""

    model_config = ConfigDict(extra="forbid")

    symbol: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./:_-]{0,39}$")]
    side: Literal["buy", "sell"]
    quantity: Amount
    type: Literal["market", "limit", "stop", "stop_limit"] = "market"
    limit_price: Amount | None = None
    stop_price: Amount | None = None
    tif: Literal["gtc", "day", "ioc"] = "gtc"
    order_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,48}$")] = ""
    execution: Annotated[str, Field(pattern=r"^[a-z0-9_:=.,/-]{0,200}$")] = ""


class HaltBody(BaseModel):
    """How much of what is to be halted, and why."""

    model_config = ConfigDict(extra="forbid")

    level: Literal["reduce_only", "no_new_orders", "cancel_all", "flatten"] = "cancel_all"
    scope: Scope | None = None
    reason: Annotated[str, Field(max_length=300)] = ""


@router.post("/orders", status_code=201)
async def place_order(request: Request, body: OrderBody) -> dict[str, Any]:
    """Place an order on the simulated venue; a refusal names the rule, the number and the limit.

    The same `order_id` sent again is the same order, never a second one. With `execution`, such
    as `twap:minutes=10,slices=5`, it is worked in parts: see `/executions`.
    """
    services = services_of(request)
    try:
        order = await services.desk.place(Ticket(**body.model_dump()), who(request))
    except WorkbenchError as error:
        services.metrics.orders.labels(type(error).__name__).inc()
        raise
    services.metrics.orders.labels("sent").inc()
    return order_row(order)


@router.get("/orders")
async def list_orders(request: Request, limit: Limit = 200) -> list[dict[str, Any]]:
    """List the orders, newest first."""
    return [order_row(order) for order in _shot(request).log.orders[:limit]]


@router.get("/orders/{order_id}")
async def read_order(request: Request, order_id: str) -> dict[str, Any]:
    """Return one order."""
    return order_row(services_of(request).desk.order(order_id))


@router.delete("/orders/{order_id}")
async def cancel_order(request: Request, order_id: str) -> dict[str, Any]:
    """Ask for an order's end; an order that has ended already is returned as it is."""
    return order_row(await services_of(request).desk.cancel(order_id, who(request)))


@router.get("/fills")
async def list_fills(request: Request, limit: Limit = 200) -> list[dict[str, Any]]:
    """List the fills, newest first."""
    return [fill_row(fill) for fill in _shot(request).log.fills[:limit]]


@router.get("/positions")
async def list_positions(request: Request) -> list[dict[str, Any]]:
    """List what is or was held; money is text, so that no digit is lost."""
    return [holding_row(holding) for holding in _shot(request).holdings]


@router.get("/account")
async def read_account(request: Request) -> dict[str, Any]:
    """Return cash, equity and exposure."""
    return account_row(_shot(request))


@router.get("/halt")
async def read_halt(request: Request) -> dict[str, Any]:
    """Say what is halted, by whom and why, and whether all that was asked for is done.

    The level is that of the desk as a whole; `halts` has every scope that is raised.
    """
    desk = services_of(request).desk
    halts, is_proven = await desk.halts()
    return {
        **halt_row(desk.in_force),
        "halts": [halt_row(one) for one in halts],
        "is_proven": is_proven,
    }


@router.post("/halt")
async def halt(request: Request, body: HaltBody) -> dict[str, Any]:
    """Raise the kill switch: of the desk, of all, of an account, a strategy or a symbol.

    `cancel_all` and `flatten` are asked for until they are proven: see `is_proven` of the
    answer to `GET`. To lower it is `DELETE`.
    """
    desk = services_of(request).desk
    level = HaltLevel(body.level)
    return halt_row(await desk.halt(who(request), body.reason, level=level, scope=body.scope))


@router.delete("/halt")
async def resume(
    request: Request,
    reason: Annotated[str, Query(max_length=300)] = "",
    scope: Annotated[Scope | None, Query()] = None,
) -> dict[str, Any]:
    """Let orders through again; needs the role admin and a reason."""
    return halt_row(await services_of(request).desk.resume(who(request), reason, scope=scope))


def _shot(request: Request) -> Snapshot:
    return services_of(request).desk.snapshot()
