"""The feeds' counters as Prometheus reads them."""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.live.market.feed_metrics import FeedMetrics, Gap, register
from workbench.server.metrics import Metrics

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


def test_a_feed_of_this_process_is_on_the_page():
    metrics = FeedMetrics("a feed on the page")
    register(metrics)
    for _ in range(100):
        metrics.heard("trade", 0.5)
    metrics.count("malformed", 3)
    metrics.gap(Gap("X", NOON, NOON))
    metrics.tell_stale(("X",))
    metrics.tell_waiting(1, "connection limit", "end the other one")
    page = Metrics().page().decode()
    feed = 'feed="a feed on the page"'
    assert f'workbench_feed_messages_total{{{feed},kind="trade"}} 100.0' in page
    assert f'workbench_feed_faults_total{{fault="malformed",{feed}}} 3.0' in page
    assert f'workbench_feed_lag_seconds{{{feed},quantile="0.99"}} 0.5' in page
    assert f"workbench_feed_stale_symbols{{{feed}}} 1.0" in page
    assert f'workbench_feed_waiting{{{feed},why="connection limit"}} 1.0' in page
    metrics.tell_open(1)
    assert f"workbench_feed_waiting{{{feed}" not in Metrics().page().decode()
