"""Orders, positions, account and the kill switch of the desk."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from workbench.core.fill import Fill
from workbench.core.order import Order
from workbench.errors import WorkbenchError
from workbench.risk.halt import Halt
from workbench.server.services import services_of, who
from workbench.server.ticket import Ticket

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["desk"])

Amount = Annotated[Decimal, Field(gt=0, max_digits=28, decimal_places=12, allow_inf_nan=False)]
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


class Reason(BaseModel):
    """Why trading is halted or resumed."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=300)] = ""


@router.post("/orders", status_code=201)
async def place_order(request: Request, body: OrderBody) -> dict[str, Any]:
    """Place an order on the simulated venue; a refusal names the rule, the number and the limit.

    The same `order_id` sent again is the same order, never a second one.
    """
    services = services_of(request)
    try:
        ticket = Ticket(**body.model_dump())
        order = await run_in_threadpool(services.desk.place, ticket, who(request))
    except WorkbenchError as error:
        services.metrics.orders.labels(type(error).__name__).inc()
        raise
    services.metrics.orders.labels("sent").inc()
    return _order(order)


@router.get("/orders")
def list_orders(request: Request, limit: Limit = 200) -> list[dict[str, Any]]:
    """List the orders, newest first."""
    return [_order(order) for order in services_of(request).desk.orders()[:limit]]


@router.get("/orders/{order_id}")
def read_order(request: Request, order_id: str) -> dict[str, Any]:
    """Return one order."""
    return _order(services_of(request).desk.order(order_id))


@router.delete("/orders/{order_id}")
def cancel_order(request: Request, order_id: str) -> dict[str, Any]:
    """Ask for an order's end; an order that has ended already is returned as it is."""
    return _order(services_of(request).desk.cancel(order_id, who(request)))


@router.get("/fills")
def list_fills(request: Request, limit: Limit = 200) -> list[dict[str, Any]]:
    """List the fills, newest first."""
    return [_fill(fill) for fill in services_of(request).desk.fills()[:limit]]


@router.get("/positions")
def list_positions(request: Request) -> list[dict[str, Any]]:
    """List what is or was held; money is text, so that no digit is lost."""
    return [
        {
            "symbol": one.symbol,
            "quantity": _text(one.quantity),
            "average_price": _text(one.average_price),
            "last": _text(one.last),
            "value": _text(one.value),
            "unrealised": _text(one.unrealised),
            "realised": _text(one.realised),
        }
        for one in services_of(request).desk.holdings()
    ]


@router.get("/account")
def read_account(request: Request) -> dict[str, Any]:
    """Return cash, equity and exposure."""
    desk = services_of(request).desk
    now = desk.standing()
    return {
        "time": now.time.isoformat().replace("+00:00", "Z"),
        "is_paper": True,
        "quotes": desk.market.source,
        "equity": _text(now.equity),
        "cash": _text(now.cash),
        "day_profit": _text(now.day_profit),
        "gross": _text(now.gross),
        "halt": desk.halt.level.value,
    }


@router.get("/halt")
def read_halt(request: Request) -> dict[str, Any]:
    """Say whether trading is halted, by whom and why."""
    return _halt(services_of(request).desk.halt)


@router.post("/halt")
def halt(request: Request, body: Reason) -> dict[str, Any]:
    """Refuse new orders and cancel those that work, until it is lifted."""
    return _halt(services_of(request).desk.stop_trading(who(request), body.reason))


@router.delete("/halt")
def resume(request: Request, reason: Annotated[str, Query(max_length=300)] = "") -> dict[str, Any]:
    """Let orders through again; needs the role admin and a reason."""
    return _halt(services_of(request).desk.resume_trading(who(request), reason))


def _order(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "type": order.type.value,
        "state": order.state.value,
        "quantity": _text(order.quantity),
        "filled": _text(order.filled),
        "average_price": _text(order.average_price),
        "limit_price": _text(order.limit_price),
        "stop_price": _text(order.stop_price),
        "tif": order.tif.value,
        "decided_at": order.decided_at.isoformat().replace("+00:00", "Z"),
        "strategy": order.strategy,
        "reason": order.reason,
    }


def _fill(fill: Fill) -> dict[str, Any]:
    return {
        "execution_id": fill.execution_id,
        "order_id": fill.order_id,
        "symbol": fill.symbol,
        "side": fill.side.value,
        "quantity": _text(fill.quantity),
        "price": _text(fill.price),
        "fee": _text(fill.fee),
        "time": fill.time.isoformat().replace("+00:00", "Z"),
    }


def _halt(halt: Halt) -> dict[str, Any]:
    return {
        "level": halt.level.value,
        "reason": halt.reason,
        "actor": halt.actor,
        "time": halt.time.isoformat().replace("+00:00", "Z") if halt.time else None,
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")
