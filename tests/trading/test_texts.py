"""What a strategy or a venue says may be any text: the journal takes it, on every database."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import String, select

from workbench.store import tables
from workbench.trading.journal import Journal
from workbench.trading.texts import key_text, plain_text

HARD = ["a\0b", "half \ud83d a character", "o" * 200, "ä" * 64 + "\0", "tab\tand\nline"]


@pytest.mark.parametrize("text", HARD)
@pytest.mark.parametrize("size", [12, 32, 64, 128])
def test_what_is_written_fits_and_is_the_same_again(text, size):
    key = key_text(text, size)
    assert len(key) <= size
    assert "\0" not in key + plain_text(text)
    key.encode()
    plain_text(text).encode()
    assert key_text(key, size) == key
    assert key_text(text + "x", size) != key


@pytest.mark.parametrize("text", HARD)
def test_any_text_is_journaled_and_comes_back_as_it_was(path, text):
    name = path.propose(intent_id=text, strategy=text, reason=text)
    path.quote()
    path.listen()
    order = path.ledger.orders[name]
    theirs = replace(order, order_id=f"{text}!", venue_order_id=text * 2, reason=text)
    path.manager.update(theirs)
    path.check()
    assert path.journal.load().orders[name].strategy == text
    with path.database.read() as connection:
        for table in (tables.events, tables.orders, tables.fills, tables.intents):
            for row in connection.execute(select(table)).mappings():
                for column in table.columns:
                    value = row[column.name]
                    if isinstance(value, str):
                        assert "\0" not in value
                        length = getattr(column.type, "length", None)
                        assert length is None or len(value) <= length
                if table is tables.events:
                    json.loads(row["body"])
    assert any(isinstance(c.type, String) and c.type.length for c in tables.orders.columns)


def test_what_left_memory_is_found_by_its_whole_name(path):
    name = "o" * 100
    path.propose(intent_id=name)
    path.quote()
    path.listen()
    path.journal.close()
    path.journal = Journal(path.database, "test", path.clock, keep=0)
    ledger = path.journal.load()
    fills = list(ledger.fills)
    ledger.forget(0)
    assert not list(ledger.orders)
    assert ledger.orders[name].order_id == name
    assert all(key in ledger.fills for key in fills)
