"""What of a window must be fetched, and what is known once a piece of it has come."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd

from workbench.core.ports import Clock
from workbench.data import coverage
from workbench.data.coverage import Span
from workbench.data.download import Piece, Request
from workbench.data.holes import Hole, is_patient, outside
from workbench.data.manifest import Manifest
from workbench.venues.paging import PagedSource

__all__ = ["blank", "missing", "noted", "same_version"]

Window = tuple[pd.Timestamp | None, pd.Timestamp | None]


def blank(asked: Request) -> Manifest:
    """Return the manifest of nothing stored."""
    version = str(getattr(asked.source, "version", ""))
    return Manifest(asked.symbol, str(asked.timeframe), asked.source.name, version=version)


def same_version(told: Manifest | None, asked: Request) -> Manifest | None:
    """Return a manifest where its bars are of the version that a source has now."""
    if told is None or (told.covered and told.version != blank(asked).version):
        return None
    return told


def missing(told: Manifest | None, asked: Request, window: Window, clock: Clock) -> list[Span]:
    """Return what a source must be asked for, oldest first."""
    if getattr(asked.source, "is_final", False):  # a closed book: take it whole, once
        return [(None, None)] if told is None or not told.covered else []
    start, end = window
    now = pd.Timestamp(clock.now())
    until = now if end is None else min(end, now)
    if start is not None and start >= until:
        return [] if told is not None else [coverage.span(start, start)]
    wanted = coverage.span(start, until)
    if told is None:
        return [wanted]
    left = [hole.span for hole in told.holes if is_patient(hole, asked.timeframe, now)]
    gaps = coverage.gaps([*told.covered, *left], wanted)
    return [gap for gap in gaps if not _is_too_fresh(gap, asked, now)]


def noted(told: Manifest | None, piece: Piece, asked: Request, clock: Clock) -> Manifest:
    """Return the manifest when a piece has come."""
    none = blank(asked)
    before = told or none
    if before.version != none.version:
        before = replace(before, version=none.version, covered=(), dropped=(), holes=())
    covered = before.covered
    for span in piece.covered:
        covered = coverage.add(covered, span)
    seen = {json.dumps(record, default=str): record for record in before.dropped}
    seen |= {json.dumps(r, default=str): r for r in piece.bars.attrs.get("dropped", ())}
    return replace(
        before,
        calendar=before.calendar or piece.bars.attrs.get("calendar", "XNYS"),
        covered=covered,
        holes=tuple(sorted([*outside(before.holes, [piece.span]), *piece.holes], key=_start)),
        fetched=clock.now().isoformat(),
        dropped=tuple(seen.values()),
    )


def _is_too_fresh(gap: Span, asked: Request, now: pd.Timestamp) -> bool:
    """Tell whether a source that is behind the market cannot have a gap yet."""
    source = asked.source
    if not isinstance(source, PagedSource) or gap[0] is None:
        return False
    return bool(pd.Timestamp(gap[0]) + asked.timeframe.delta > now - source.delay)


def _start(hole: Hole) -> str:
    return hole.start
