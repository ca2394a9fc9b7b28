"""What a rule says: pass, trim or refuse, with the numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from workbench.core.money import ZERO
from workbench.risk.context import Context, Wish

__all__ = [
    "Breach",
    "Outcome",
    "Rule",
    "Sizable",
    "Verdict",
    "above",
    "exact",
    "facts_of",
    "in_words",
    "short",
    "sized",
    "unmeasured",
]

Outcome = Literal["pass", "trim", "refuse"]
Breach = Literal["trim", "refuse"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule said, with the numbers.

    Parameters
    ----------
    measured, limit : str
        As numbers or names; empty where there is none.
    quantity : Decimal, optional
        With ``trim``: the units that are fine.
    """

    rule: str
    outcome: Outcome
    reason: str = ""
    unit: str = ""
    measured: str = ""
    limit: str = ""
    quantity: Decimal | None = None

    def facts(self) -> dict[str, str]:
        """Return it as plain text fields, those that say something."""
        if self.outcome == "pass" and not self.unit and not self.measured:
            return {"rule": self.rule, "outcome": "pass"}  # most of them; this is on a hot path
        names = ("rule", "outcome", "reason", "unit", "measured", "limit", "quantity")
        return {n: str(v) for n in names if (v := getattr(self, n)) not in ("", None)}


def facts_of(verdicts: tuple[Verdict, ...]) -> tuple[dict[str, str], ...]:
    """Return a chain as plain text fields; of the same chain again, the same ones.

    Examples
    --------
    >>> facts_of((Verdict("halt", "pass"),))
    ({'rule': 'halt', 'outcome': 'pass'},)
    """
    global _last  # noqa: PLW0603 - most chains of a run are one and the same object
    found = _last  # read once: another thread may write it
    if verdicts is not found[0]:
        found = _last = (verdicts, tuple([verdict.facts() for verdict in verdicts]))
    return found[1]


_last: tuple[tuple[Verdict, ...], tuple[dict[str, str], ...]] = ((), ())


class Rule(Protocol):
    """Judges one wish."""

    @property
    def name(self) -> str:
        """What it is called in verdicts."""

    @property
    def limit(self) -> object:
        """What it holds to; None switches it off."""

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Return the verdict."""


class Sizable(Protocol):
    """A rule that can say how many units would be fine."""

    @property
    def name(self) -> str:
        """What it is called in verdicts."""

    @property
    def on_breach(self) -> Breach:
        """What to do above the limit."""


def sized(
    rule: Sizable, measured: Decimal, limit: Decimal, unit: str, fine: Callable[[], Decimal]
) -> Verdict:
    """Judge a size; `fine` tells how many units would be within the limit."""
    if measured <= limit:
        return Verdict(rule.name, "pass", "", unit, short(measured), exact(limit))
    what = rule.name.replace("_", " ")
    amount, most = in_words(measured), in_words(limit)
    if amount == most:  # above it all the same
        amount = f"{measured.normalize():,f}"
    reason = f"{what} of {amount} is above the limit of {most} ({unit})"
    units = fine() if rule.on_breach == "trim" else ZERO
    outcome: Outcome = "trim" if units > 0 else "refuse"
    return Verdict(
        rule.name, outcome, reason, unit, short(measured), exact(limit), units if units else None
    )


def unmeasured(name: str, wish: Wish) -> Verdict:
    """Refuse what no price is known for, or no rate of what its price is in."""
    lacks = wish.lacks or f"no price of {wish.intent.symbol} is known"
    return Verdict(name, "refuse", f"{lacks} to measure the order by")


def in_words(number: Decimal) -> str:
    """Write a number as people read it: in full, grouped, no digits that say nothing.

    Cents from a thousand on, six digits below.

    Examples
    --------
    >>> in_words(Decimal("1.26e+7")), in_words(Decimal("1234.5")), in_words(Decimal("0.1234567"))
    ('12,600,000', '1,234.50', '0.123457')
    """
    rounded = round(number, 2) if abs(number) >= 1000 else Decimal(f"{number:.6g}").normalize()
    if rounded == rounded.to_integral_value():
        return f"{rounded.to_integral_value():,f}"
    return f"{rounded:,f}"


def short(number: Decimal) -> str:
    """Write a number as a verdict keeps what it measured."""
    return in_words(number).replace(",", "")


def exact(number: Decimal) -> str:
    """Write a limit with all its digits."""
    return format(number, "f")


def above(rule: Rule, measured: Decimal, limit: Decimal, unit: str, reason: str) -> Verdict:
    """Refuse what is above a limit that no smaller order would meet."""
    if measured <= limit:
        return Verdict(rule.name, "pass", "", unit, short(measured), exact(limit))
    return Verdict(rule.name, "refuse", reason, unit, short(measured), exact(limit))
