"""Whether the server is up, and what Prometheus reads."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from workbench.server.metrics import CONTENT_TYPE
from workbench.server.services import services_of

__all__ = ["router"]

router = APIRouter()


@router.get("/healthz", tags=["desk"])
def healthz() -> dict[str, str]:
    """Say that the server answers; besides the login the only route open to strangers."""
    return {"status": "ok"}


@router.head("/healthz", include_in_schema=False)
def healthz_head() -> Response:
    """Say the same to a probe that wants no body."""
    return Response()


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """Give the figures in Prometheus' text format."""
    services = services_of(request)
    shot, shown = services.desk.snapshot(), services.metrics
    shown.is_halted.set(shot.is_halted)
    shown.equity.set(float(shot.equity))
    shown.open_orders.set(shot.log.working)
    return Response(shown.page(), media_type=CONTENT_TYPE)
