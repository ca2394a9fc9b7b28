"""News and notes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from workbench.core.message import NOTES, Message
from workbench.data.messages import keep_new_note, keep_note, query_of, read, written
from workbench.errors import UsageError
from workbench.server.identity import authorize
from workbench.server.services import services_of, who
from workbench.store.messages import Query as Wanted

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["data"])

SymbolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./:_-]{0,39}$")]
NoteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Sentiment = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class NoteBody(BaseModel):
    """A note to write."""

    model_config = ConfigDict(extra="forbid")

    text: Text
    symbols: Annotated[list[SymbolName], Field(max_length=50)] = []
    sentiment: Sentiment | None = None
    note_id: NoteName | None = None


class EditBody(BaseModel):
    """What a note says from now on."""

    model_config = ConfigDict(extra="forbid")

    text: Text
    symbols: Annotated[list[SymbolName], Field(max_length=50)] = []
    sentiment: Sentiment | None = None


@router.get("/messages")
def list_messages(  # noqa: PLR0913, PLR0917 - each argument is a part of the query
    request: Request,
    symbol: Annotated[list[SymbolName] | None, Query(max_length=50)] = None,
    search: Annotated[str | None, Query(max_length=500)] = None,
    source: Annotated[list[str] | None, Query(max_length=10)] = None,
    start: datetime | None = None,
    end: datetime | None = None,
    as_of: datetime | None = None,
    by: Literal["known", "published"] = "known",
    editions: bool = False,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[dict[str, Any]]:
    """List news and notes, newest first; `as_of` gives them as they could be read then."""
    query = query_of(
        symbol or None, (start, end), search=search, source=source or None, as_of=as_of, by=by,
        editions=editions, limit=limit,
    )  # fmt: skip
    return [_row(one) for one in reversed(read(services_of(request).database, query))]


@router.post("/messages", status_code=201)
def write_note(request: Request, body: NoteBody, response: Response) -> dict[str, Any]:
    """Write a note; the same `note_id` sent again is the same note, never a second one."""
    asking = who(request)
    authorize(asking, "research")
    made = written(**body.model_dump(), author=asking.username)
    kept, is_new = keep_new_note(services_of(request).database, made)
    response.status_code = 201 if is_new else 200
    response.headers["location"] = f"/api/v1/messages/{kept.vendor_id}"
    return _row(kept)


@router.get("/messages/{note_id}")
def read_note(request: Request, note_id: str) -> list[dict[str, Any]]:
    """Return every edition of a note, oldest first."""
    _existing(request, note_id)
    query = Wanted(sources=(NOTES,), vendor_id=note_id, editions=True)
    found = read(services_of(request).database, query)
    return [_row(one) for one in sorted(found, key=lambda one: one.edition)]


@router.put("/messages/{note_id}")
def edit_note(request: Request, note_id: str, body: EditBody) -> dict[str, Any]:
    """Say something else in a note of your own; what it said before is kept."""
    asking = who(request)
    authorize(asking, "research")
    there = _existing(request, note_id)
    if there.author != asking.username:
        authorize(asking, "oversee")
    made = written(**body.model_dump(), note_id=note_id, author=there.author)
    return _row(keep_note(services_of(request).database, made))


def _note(request: Request, note_id: str) -> Message | None:
    query = Wanted(sources=(NOTES,), vendor_id=note_id)
    return next(iter(read(services_of(request).database, query)), None)


def _existing(request: Request, note_id: str) -> Message:
    found = _note(request, note_id)
    if found is None:
        raise UsageError("there is no note of that name", missing=True)
    return found


def _row(one: Message) -> dict[str, Any]:
    return {
        "source": one.source,
        "id": one.vendor_id,
        "edition": one.edition,
        "published": _text(one.published),
        "updated": _text(one.at),
        "known": _text(one.known),
        "symbols": list(one.symbols),
        "title": one.title,
        "body": one.body,
        "url": one.url,
        "author": one.author,
        "sentiment": one.sentiment,
    }


def _text(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat().replace("+00:00", "Z")
