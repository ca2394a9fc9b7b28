"""The card a divergence shows in Jupyter and in a report: parts, a bar each, and findings."""

from __future__ import annotations

from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING

from workbench.core.money import ZERO

if TYPE_CHECKING:
    from workbench.live.divergence.divergence import Divergence

__all__ = ["card"]

_UP, _DOWN = "#2e9e6b", "#d2504b"


def card(found: Divergence) -> str:
    """Return a divergence as a small piece of HTML, without script and readable in any theme."""
    most = max((abs(value) for value in found.parts), default=ZERO) or Decimal(1)
    rows = [_row("backtest", found.planned, None, most)]
    rows += [_row(str(name), value, value, most) for name, value in found.parts.items()]
    rows += [_row("live", found.earned, None, most), _row("difference", found.total, None, most)]
    notes = "".join(f"<li>{escape(text)}</li>" for text in found.findings)
    findings = f"<ul style='margin:6px 0 0;padding-left:18px'>{notes}</ul>" if notes else ""
    return (
        "<div style='font-family:system-ui,sans-serif;font-size:12px;max-width:600px;padding:12px "
        "16px;border:1px solid rgba(128,128,128,.35);border-radius:8px'>"
        f"<div style='font-size:14px;font-weight:600;margin-bottom:6px;overflow-wrap:anywhere'>"
        f"{escape(found.run_id)} · {escape(found.strategy)}</div>"
        "<table style='border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums'>"
        f"{''.join(rows)}</table>{findings}</div>"
    )


def _row(name: str, value: Decimal, part: Decimal | None, most: Decimal) -> str:
    bar = ""
    if part:
        width = float(abs(part) / most) * 100
        bar = (
            f"<div style='height:8px;border-radius:2px;width:{width:.1f}%;"
            f"background:{_UP if part > 0 else _DOWN}'></div>"
        )
    weight = "" if part is not None else ";font-weight:600"
    sign = "+" if part is not None else ""
    return (
        f"<tr style='background:none'><td style='text-align:left;padding:2px 8px 2px 0{weight}'>"
        f"{escape(name)}</td>"
        f"<td style='text-align:right;padding:2px 12px 2px 0{weight}'>{value:{sign},.2f}</td>"
        f"<td style='width:55%'>{bar}</td></tr>"
    )
