"""What every bus must do."""

from __future__ import annotations

import threading

import pytest

from workbench.bus.memory import Mailbox, MemoryBus
from workbench.core.ports import Bus
from workbench.errors import UsageError


@pytest.fixture(params=[MemoryBus])
def bus(request) -> Bus:
    return request.param()


def test_it_is_a_bus(bus):
    assert isinstance(bus, Bus)


def test_only_the_topics_asked_for_arrive_in_order(bus):
    got = []
    bus.subscribe(["orders", "quotes:AAPL"], lambda topic, message: got.append((topic, message)))
    for i in range(3):
        bus.publish("orders", {"i": i})
        bus.publish("quotes:IBM", {"i": i})
    bus.publish("quotes:AAPL", {"i": 9})
    assert got == [("orders", {"i": 0}), ("orders", {"i": 1}), ("orders", {"i": 2}),
                   ("quotes:AAPL", {"i": 9})]  # fmt: skip


def test_stopping_twice_is_harmless_and_others_go_on(bus):
    one, two = [], []

    def receive(topic, message):
        one.append(message)

    stop = bus.subscribe(["system"], receive)
    bus.subscribe(["system"], lambda topic, message: two.append(message))
    again = bus.subscribe(["system"], receive)
    bus.publish("system", {})
    stop()
    stop()
    bus.publish("system", {})
    again()
    bus.publish("system", {})
    assert (len(one), len(two)) == (3, 3)


def test_a_receiver_that_fails_is_dropped_and_the_rest_still_hear(bus, caplog):
    got = []

    def bad(topic, message):
        raise ZeroDivisionError

    bus.subscribe(["system"], bad)
    bus.subscribe(["system"], lambda topic, message: got.append(message))
    bus.publish("system", {"a": 1})
    bus.publish("system", {"a": 2})
    assert len(got) == 2
    assert caplog.text.count("unsubscribed") == 1


def test_one_text_is_no_list_of_topics(bus):
    with pytest.raises(UsageError, match="list"):
        bus.subscribe("orders", print)


def test_publishing_from_many_threads_loses_nothing(bus):
    got = []
    bus.subscribe(["x"], lambda topic, message: got.append(message["i"]))

    def send(k):
        for i in range(100):
            bus.publish("x", {"i": k * 100 + i})

    threads = [threading.Thread(target=send, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(400))


def test_a_reader_that_never_reads_blocks_nobody(bus):
    slow, quick = Mailbox(size=16), []
    bus.subscribe(["x"], slow.put)
    bus.subscribe(["x"], lambda topic, message: quick.append(message))
    for i in range(1000):
        bus.publish("x", {"i": i})
    assert len(quick) == 1000
    assert slow.dropped == 984
    assert [message["i"] for _, message in slow.take()] == list(range(984, 1000))
    assert slow.take() == []
