"""The limits in force as bars: how much of each is used."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from workbench.core.money import decimal
from workbench.risk.usage import Use, unit_of
from workbench.risk.verdict import in_words

__all__ = ["limit_bars", "limit_name", "limit_value"]

_NEAR = 0.8


def limit_bars(uses: Sequence[Use], version: int) -> str:
    """Return the limits as HTML: those that are used up first, then single orders', then the rest.

    Examples
    --------
    >>> use = Use("max_gross", "times equity", "2", Decimal(1), 0.5)
    >>> "width:50.0%" in limit_bars([use], 0)
    True
    """
    measured = [use for use in uses if use.share is not None]
    plain = [use for use in uses if use.limit and use.share is None]
    off = [_name(use) for use in uses if not use.limit]
    source = f"version {version}, kept in the database" if version else "from the settings' file"
    parts = [
        f'<div class="limits">{"".join(_bar(use) for use in measured)}</div>',
        "<h2>Each order, and the rest</h2>",
        f'<div class="limits">{"".join(_plain(use) for use in plain)}</div>',
        f'<p class="muted">No limit: {", ".join(off)}.</p>' if off else "",
        f'<p class="muted">In force: {source}. An order that would pass a limit is refused, and '
        "says which.</p>",
    ]
    return "".join(parts)


def limit_name(name: str) -> str:
    """Return a limit's name as a person reads it.

    Examples
    --------
    >>> limit_name("max_order_notional"), limit_name("min_equity")
    ('Order notional', 'Least equity')
    """
    words = name.removeprefix("max_").replace("min_", "least ").replace("_", " ")
    return words[:1].upper() + words[1:]


def limit_value(name: str, value: object) -> str:
    """Return a limit with its unit; plain text.

    Examples
    --------
    >>> limit_value("max_gross", 2.0), limit_value("max_net", None), limit_value("symbols", ("A",))
    ('2.00×', 'no limit', 'A')
    """
    if value is None:
        return "no limit"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return " ".join(value)
    number = decimal(str(value), name)
    unit = unit_of(name)
    return _amount(number, unit) if unit else in_words(number)


def _bar(use: Use) -> str:
    share = use.share or 0.0
    tone = "over" if share >= 1 else "near" if share >= _NEAR else ""
    width = min(max(share, 0.0), 1.0) * 100
    plain = use.unit.partition(" ")[0] == "orders"  # said once is enough
    used = in_words(use.used or Decimal(0)) if plain else _amount(use.used, use.unit)
    words = f"{used} of {_amount(Decimal(use.limit), use.unit)}"
    return (
        f'<div class="limit {tone}"><span>{_name(use)}</span><b>{words}</b>'
        f'<div class="track" role="meter" aria-label="{_name(use)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{width:.0f}"><i style="width:{width:.1f}%"></i>'
        "</div></div>"
    )


def _plain(use: Use) -> str:
    limit = use.limit
    if use.unit:
        limit = _amount(Decimal(limit), use.unit)
    return f'<div class="limit"><span>{_name(use)}</span><b>{escape(limit)}</b></div>'


def _amount(number: Decimal | None, unit: str) -> str:
    if number is None:
        return "nothing"
    if unit == "money":
        return f"${in_words(round(number, 0))}"
    if unit.startswith("of "):
        return f"{float(number):.1%}"
    if unit.startswith("times"):
        return f"{float(number):.2f}×"
    return f"{in_words(number)} {escape(unit)}"


def _name(use: Use) -> str:
    return escape(limit_name(use.name))
