"""``wb.why``: what became of a decision, and which number stopped it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from workbench.config import load_settings
from workbench.core.ids import client_order_id
from workbench.errors import UsageError, nearest
from workbench.live.runs.untaken import NO_ORDER
from workbench.risk.verdict import in_words
from workbench.store import tables
from workbench.store.database import Database
from workbench.store.migrate import open_database
from workbench.trading.execution.stored import StoredParent, stored_parent
from workbench.trading.records import Kind, Record, Verdicted

if TYPE_CHECKING:
    from workbench.core.order import Intent, Order

__all__ = ["Why", "why", "why_in"]

_COLUMNS = ("rule", "outcome", "measured", "limit", "unit", "reason")
_TONE = {"pass": "#26a69a", "trim": "#c98a1b", "refuse": "#d9534f"}


@dataclass(frozen=True, slots=True)
class Why:
    """The answer: one sentence, the chain of verdicts, and what happened after.

    It prints as text, and shows as a table in a notebook.

    Parameters
    ----------
    name : str
        The id that was asked for.
    answer : str
        One sentence.
    asked : dict
        What was wanted, in plain values.
    verdicts : tuple of dict
        One per rule of the gate, in order, with its numbers.
    events : tuple of (datetime, str)
        What happened to the order.
    """

    name: str
    answer: str
    asked: dict[str, str] = field(default_factory=dict)
    verdicts: tuple[dict[str, str], ...] = ()
    events: tuple[tuple[datetime, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        happened = [
            {"time": at.isoformat().replace("+00:00", "Z"), "text": text}
            for at, text in self.events
        ]
        return {
            "id": self.name,
            "answer": self.answer,
            "asked": self.asked,
            "verdicts": [dict(one) for one in self.verdicts],
            "events": happened,
        }

    def __str__(self) -> str:
        """Return it as text: the sentence, then the rules that had a number, then the events."""
        lines = [self.answer]
        if self.asked:
            lines.append("asked: " + ", ".join(f"{k} {v}" for k, v in self.asked.items()))
        spoke = [one for one in self.verdicts if one.get("measured") or one["outcome"] != "pass"]
        for one in spoke:
            numbers = " of ".join(filter(None, (one.get("measured"), one.get("limit"))))
            said = " ".join(filter(None, (numbers, one.get("unit"))))
            reason = one.get("reason", "")
            lines.append(f"  {one['outcome']:<7}{one['rule']:<28}{said}  {reason}".rstrip())
        if quiet := len(self.verdicts) - len(spoke):
            lines.append(f"  pass   {quiet} further rules had nothing to measure")
        lines += [f"  {at:%Y-%m-%d %H:%M:%S.%f}  {text}" for at, text in self.events]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in _COLUMNS)
        rows = "".join(f"<tr>{_cells(one)}</tr>" for one in self.verdicts)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        asked = ", ".join(f"{escape(k)} <b>{escape(v)}</b>" for k, v in self.asked.items())
        happened = "".join(
            f"<li>{at:%Y-%m-%d %H:%M:%S} UTC: {escape(text)}</li>" for at, text in self.events
        )
        parts = [f"<p><b>{escape(self.answer)}</b></p>", f"<p>{asked}</p>" if asked else ""]
        parts += [table if rows else "", f"<ul>{happened}</ul>" if happened else ""]
        return f"<div>{''.join(parts)}</div>"


def why(
    name: str | Intent | Order,
    time: datetime | None = None,
    symbol: str | None = None,
    *,
    database: Database | str | None = None,
) -> Why:
    """Say what became of a decision, an intent or an order, and why nothing did.

    Parameters
    ----------
    name : str, Intent or Order
        The id of an intent or an order, which are the same; or that of a run, with `time`
        and `symbol`.
    time, symbol : datetime, str, optional
        The bar and the symbol of a run's decision; also one that made no order.
    database : Database or str, optional
        An address; the workspace's by default. A replay keeps its journal where its own
        ``database`` says.

    Raises
    ------
    UsageError
        The journal knows no such decision; the nearest id is offered.
    """
    text = name if isinstance(name, str) else _id_of(name)
    if time is not None and symbol is not None:
        text = client_order_id(text, time, symbol)
    if isinstance(database, Database):
        return why_in(database, text)
    opened = open_database(load_settings() if database is None else database)
    try:
        return why_in(opened, text)
    finally:
        opened.close()


def why_in(database: Database, name: str) -> Why:
    """Return the answer out of an open database; see `why`."""
    events = tables.events
    with database.read() as connection:
        stored = stored_parent(connection, name)
        if stored is not None:
            return _of_parent(stored)
        rows = connection.execute(
            select(events.c.ts, events.c.kind, events.c.body, events.c.order_id)
            .where(events.c.order_id == name)
            .order_by(events.c.seq)
        ).all()
        if not rows:
            recent = select(events.c.order_id).where(events.c.kind == Kind.INTENT.value)
            latest = connection.execute(recent.order_by(events.c.seq.desc()).limit(200)).scalars()
            known = [one for one in latest if one]
            raise UsageError(
                f"the journal knows no decision {name[:64]!r}{nearest(name, known)}", missing=True
            )
    return _answer(name, [(row[0], Record.read(row[1], row[2], row[3])) for row in rows])


def _answer(name: str, entries: Sequence[tuple[datetime, Record]]) -> Why:
    happened: list[tuple[datetime, str]] = []
    judged: Verdicted | None = None
    untaken: dict[str, str] = {}
    for at, record in entries:
        if record.kind is Kind.INTENT:
            judged = record.value
        elif record.kind is Kind.NOTE and record.value.get("text") == NO_ORDER:
            untaken = {key: value for key, value in record.value.items() if key != "text"}
        else:
            happened.append((at, _words(record)))
    if judged is None and untaken:
        return Why(name, f"No order was made: {untaken.pop('reason')}.", untaken)
    if judged is None:
        return Why(name, _fate(happened), {}, (), tuple(happened))
    return Why(name, _sentence(judged, happened), _asked(judged), judged.verdicts, tuple(happened))


def _of_parent(stored: StoredParent) -> Why:
    parent, reason = stored.parent, stored.reason
    told = {
        "algorithm": parent.algorithm, "strategy": parent.strategy, "symbol": parent.symbol,
        "side": str(parent.side), "quantity": str(parent.quantity), "start": str(parent.start),
        "end": str(parent.end),
    }  # fmt: skip
    if parent.limit_price is not None:
        told["limit_price"] = str(parent.limit_price)
    if parent.reason:
        told["reason"] = parent.reason
    refused = [part for part in stored.parts if part.outcome == "refuse"]
    answer = (
        f"It is worked by {parent.algorithm} in {len(stored.parts)} parts: "
        f"{in_words(stored.filled)} of {in_words(parent.quantity)} are filled, it is "
        f"{stored.state}{f' ({reason})' if reason else ''}."
    )
    if refused:
        last = next(one for one in refused[-1].verdicts if one["outcome"] == "refuse")
        answer += f" The risk gate refused {len(refused)} of them: {last.get('reason', '')}."
    events = [(part.intent.decided_at, _part_words(part)) for part in stored.parts]
    events += [
        (at, f"it was {state}{f': {why}' if why else ''}") for at, state, why in stored.moves
    ]
    return Why(parent.algo_id, answer, told, refused[-1].verdicts if refused else (),
               tuple(sorted(events)))  # fmt: skip


def _part_words(part: Verdicted) -> str:
    intent, what = part.intent, "was refused" if part.outcome == "refuse" else "was sent"
    price = "" if intent.limit_price is None else f" at {intent.limit_price:f}"
    return f"part {intent.intent_id} of {intent.quantity}{price} {what}"


def _sentence(judged: Verdicted, happened: Sequence[tuple[datetime, str]]) -> str:
    said = [one for one in judged.verdicts if one["outcome"] != "pass"]
    reasons = "; ".join(one.get("reason", one["rule"]) for one in said)
    if judged.outcome == "refuse":
        return f"The risk gate refused it: {reasons}."
    if judged.outcome == "trim":
        return f"The risk gate made it smaller: {reasons}. {_fate(happened)}"
    return f"It passed the risk gate. {_fate(happened)}"


def _fate(happened: Sequence[tuple[datetime, str]]) -> str:
    return f"Last, {happened[-1][1]}." if happened else "Nothing is known of an order."


def _asked(judged: Verdicted) -> dict[str, str]:
    names = ("strategy", "symbol", "side", "type", "quantity", "target", "limit_price",
             "stop_price", "decided_at", "reason")  # fmt: skip
    found = {name: getattr(judged.intent, name) for name in names}
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def _words(record: Record) -> str:
    value = record.value
    if record.kind is Kind.ORDER:
        size = value.quantity if value.quantity is not None else "a sized amount"
        return f"an order to {value.side} {size} {value.symbol} was made"
    if record.kind is Kind.FILL:
        fill = value.fill
        return f"{fill.quantity:f} {fill.symbol} were filled at {fill.price:f}"
    if record.kind is Kind.NOTE:
        return str(json.dumps(value))
    step = str(value.step.value).replace("_", " ")
    return f"it was {_STEPS.get(step, step)}" + (f": {value.reason}" if value.reason else "")


_STEPS = {
    "cancel asked": "asked to end",
    "cancel refused": "not canceled",
    "unknown": "of unknown fate",
}


def _cells(one: dict[str, str]) -> str:
    color = _TONE.get(one.get("outcome", ""), "inherit")
    mark = f" style='color:{color};font-weight:700;text-align:left'"
    plain = " style='text-align:left'"
    return "".join(
        f"<td{mark if name == 'outcome' else plain}>{escape(one.get(name, ''))}</td>"
        for name in _COLUMNS
    )


def _id_of(thing: Intent | Order) -> str:
    found = getattr(thing, "intent_id", None) or getattr(thing, "order_id", None)
    if not isinstance(found, str):
        raise UsageError(f"wb.why takes an id, an intent or an order, not {type(thing).__name__}")
    return found
