"""The mailbox; what every bus must do is in tests/contract/test_bus.py."""

import threading

import pytest

from workbench.bus.memory import Mailbox
from workbench.errors import UsageError


def test_the_latest_are_kept_and_the_rest_counted():
    box = Mailbox(size=3)
    for i in range(10):
        box.put("quotes:AAPL", {"i": i})
    assert [message["i"] for _, message in box.take()] == [7, 8, 9]
    assert box.dropped == 7
    assert box.take() == []


def test_each_message_wakes_its_reader():
    woken = []
    box = Mailbox(wake=lambda: woken.append(True))
    box.put("system", {})
    box.put("system", {})
    assert len(woken) == 2


def test_writers_and_a_reader_lose_nothing_between_them():
    box, got = Mailbox(size=100_000), []

    def write(name):
        for i in range(2_000):
            box.put(name, {"i": i})

    threads = [threading.Thread(target=write, args=(f"t{k}",)) for k in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        got += box.take()
    got += box.take()
    for k in range(4):
        assert [m["i"] for topic, m in got if topic == f"t{k}"] == list(range(2_000))


def test_a_mailbox_without_room_is_refused():
    with pytest.raises(UsageError, match="at least one"):
        Mailbox(size=0)
