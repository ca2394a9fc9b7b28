"""Which orders were sent, through restarts."""

from __future__ import annotations

import pytest

from workbench.errors import DataError, UnavailableError
from workbench.venues.ids import IdForm, SentIds

PLAIN = "run-20240102T143000-BTC"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "venues" / "binance.jsonl"


def test_an_id_that_fits_stays_and_another_is_always_made_the_same():
    form = IdForm(36)
    assert form.of(PLAIN) == PLAIN
    for name in ("a" * 37, "a/b", "", "ä"):
        made = form.of(name)
        assert len(made) == 32
        assert made == form.of(name) != form.of(name + "x")
        assert set(made) <= set("0123456789abcdef")


def test_what_was_sent_is_known_after_a_restart(path):
    sent = SentIds(path, IdForm(18))
    began = sent.began
    sent.write(PLAIN, "BTC/USDT")
    sent.write("o2", "ETH/USDT")
    sent.unsent("o2")
    sent.close()
    again = SentIds(path, IdForm(18))
    assert list(again.by_order) == [PLAIN]
    assert again.order_id(again.client_id(PLAIN)) == PLAIN
    assert again.order_id("stranger") == "stranger"
    assert again.symbols() == {"BTC/USDT"}
    assert again.began >= began
    again.close()


def test_a_line_cut_short_is_dropped_and_overwritten(path):
    sent = SentIds(path, IdForm(36))
    sent.write("o1", "BTC/USDT")
    sent.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"order": "o2", "sym')
    again = SentIds(path, IdForm(36))
    assert list(again.by_order) == ["o1"]
    again.write("o3", "BTC/USDT")
    again.close()
    last = SentIds(path, IdForm(36))
    assert list(last.by_order) == ["o1", "o3"]
    last.close()


def test_a_broken_line_is_named(path):
    sent = SentIds(path, IdForm(36))
    sent.close()
    path.write_text('nonsense\n{"order": "o1", "symbol": "A", "at": 1}\n')
    with pytest.raises(DataError, match=":1 is not a line"):
        SentIds(path, IdForm(36))


def test_what_cannot_be_written_is_not_sent(path):
    sent = SentIds(path, IdForm(36))
    sent.close()
    with pytest.raises(UnavailableError) as error:
        sent.write("o1", "BTC/USDT")
    assert error.value.facts["sent"] is False
    assert not sent.by_order
