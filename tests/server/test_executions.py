"""Orders that are worked in parts, over the API of a running server."""

from __future__ import annotations

import time

import pytest

SYMBOL = "ACME/USD"


@pytest.fixture(scope="module")
def eve(served):
    client = served.log_in("eve")
    yield client
    client.close()


def until(ask, wanted):
    for _ in range(100):
        found = ask()
        if wanted(found):
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_an_order_is_worked_in_parts_paused_resumed_and_ended(ada, eve):
    body = {"symbol": SYMBOL, "side": "buy", "quantity": "10", "order_id": "parts-1",
            "execution": "twap:minutes=60,slices=5"}  # fmt: skip
    sent = ada.post("/api/v1/orders", json=body)
    assert sent.status_code == 201, sent.text
    assert sent.json()["order_id"] == "parts-1"
    assert ada.post("/api/v1/orders", json=body).json()["order_id"] == "parts-1"

    def read():
        return ada.get("/api/v1/executions/parts-1").json()

    found = until(read, lambda one: one["filled"] not in ("0", "0.0") and one["benchmark"])
    assert (found["algorithm"], found["state"], len(found["parts"])) == ("twap", "running", 1)
    assert found["parts"][0]["quantity"].rstrip("0").rstrip(".") == "2"
    assert found["benchmark"]["arrival_bps"] is not None
    assert "parts-1" in [one["order_id"] for one in ada.get("/api/v1/executions").json()]
    assert eve.post("/api/v1/executions/parts-1/pause", json={}).status_code == 403
    for step, state in (("pause", "paused"), ("resume", "running")):
        told = ada.post(f"/api/v1/executions/parts-1/{step}", json={"reason": "a look"})
        assert told.json()["state"] == state, told.text
    assert ada.delete("/api/v1/orders/parts-1").json()["state"] in ("canceled", "pending_cancel")
    until(read, lambda one: one["state"] == "canceled")


@pytest.mark.parametrize("wrong", ["twop:minutes=5", "twap:slices=5", "twap:minutes=x"])
def test_what_is_no_way_to_work_an_order_is_refused(ada, wrong):
    body = {"symbol": SYMBOL, "side": "buy", "quantity": "1", "execution": wrong}
    told = ada.post("/api/v1/orders", json=body)
    assert told.status_code in (400, 422), told.text
    assert ada.get("/api/v1/executions/nothing").status_code == 404
