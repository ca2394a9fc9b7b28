"""Order books: snapshots, changes, checksums, and what happens when something is missing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from workbench.core.depth import Depth
from workbench.core.order_book import OrderBook, kraken_checksum

AT = datetime(2024, 1, 2, tzinfo=UTC)
# the example of Kraken's own documentation of the checksum
ASKS = (
    (45285.2, 0.001), (45286.4, 1.54571953), (45286.6, 1.54571109), (45289.6, 1.54560911),
    (45290.2, 0.1589066), (45291.8, 1.54553491), (45294.7, 0.04454749), (45296.1, 0.3538),
    (45297.5, 0.09945542), (45299.5, 0.18772827),
)  # fmt: skip
BIDS = (
    (45283.5, 0.1), (45283.4, 1.54582015), (45282.1, 0.1), (45281.0, 0.1),
    (45280.3, 1.54592586), (45279.0, 0.0799), (45277.6, 0.03310103), (45277.5, 0.3),
    (45277.3, 1.54602737), (45276.6, 0.15445238),
)  # fmt: skip
TOLD = 3310070434


def snapshot(bids, asks, **terms):
    return Depth("X", AT, tuple(bids), tuple(asks), is_snapshot=True, **terms)


def change(bids=(), asks=(), **terms):
    return Depth("X", AT, tuple(bids), tuple(asks), **terms)


def test_kraken_s_own_example():
    assert kraken_checksum(1, 8)(BIDS, ASKS) == TOLD


def test_a_kraken_book_is_checked_after_each_change():
    book = OrderBook("X", depth=10, checksum=kraken_checksum(1, 8))
    assert book.apply(snapshot(BIDS[::-1], ASKS[::-1], checksum=TOLD))
    assert book.view().bids == BIDS
    better = (45283.6, 0.25)
    after = kraken_checksum(1, 8)((better, *BIDS[:9]), ASKS)
    assert book.apply(change([better], checksum=after))
    assert book.view(2).bids == (better, BIDS[0])
    assert len(book.view().bids) == 10
    assert not book.apply(change([(45283.7, 1.0)], checksum=after))
    assert book.needs_snapshot
    assert "checksum" in book.trouble
    assert book.view() is None


def test_after_a_loss_nothing_but_a_snapshot_counts():
    book = OrderBook("X")
    assert not book.apply(change([(1.0, 1.0)]))
    book.apply(snapshot([(10.0, 1.0)], [(11.0, 1.0)], last=5))
    assert not book.apply(change([(10.5, 1.0)], first=7, last=8))
    assert book.resyncs == 1
    assert not book.apply(change([(10.5, 1.0)], first=9, last=9))
    assert book.apply(snapshot([(10.0, 2.0)], [(11.0, 2.0)], last=9))
    assert book.view().bids == ((10.0, 2.0),)


@pytest.mark.parametrize(
    ("numbers", "is_good"),
    [
        ({"first": 6, "last": 7}, True),
        ({"first": 3, "last": 7}, True),  # a change that began before the snapshot
        ({"first": 7, "last": 7}, False),
        ({"before": 5, "last": 9}, True),
        ({"before": 4, "last": 9}, False),
        ({}, True),
    ],
)
def test_changes_are_counted_as_the_venue_counts(numbers, is_good):
    book = OrderBook("X")
    book.apply(snapshot([(10.0, 1.0)], [(11.0, 1.0)], last=5))
    assert book.apply(change([(10.0, 3.0)], **numbers)) is is_good
    assert book.needs_snapshot is not is_good
    if is_good:
        assert book.view().bids == ((10.0, 3.0),)


def test_an_old_change_is_passed_over():
    book = OrderBook("X")
    book.apply(snapshot([(10.0, 1.0)], [(11.0, 1.0)], last=5))
    assert book.apply(change([(10.0, 9.0)], first=4, last=5))
    assert book.view().bids == ((10.0, 1.0),)


def test_a_crossed_book_is_not_believed():
    book = OrderBook("X")
    book.apply(snapshot([(10.0, 1.0)], [(11.0, 1.0)]))
    assert not book.apply(change([(11.5, 1.0)]))
    assert "not below" in book.trouble


def test_a_price_that_is_gone_is_gone_once():
    book = OrderBook("X")
    book.apply(snapshot([(10.0, 1.0), (9.0, 2.0)], [(11.0, 1.0), (12.0, 0.0)]))
    book.apply(change([(10.0, 0.0), (8.5, 0.0)], [(11.0, 4.0)]))
    assert (book.view().bids, book.view().asks) == (((9.0, 2.0),), ((11.0, 4.0),))
