"""What this process's live feeds count, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from workbench.live.market.feed_metrics import FAULTS, running

__all__ = ["FeedCounts"]


class FeedCounts(Collector):
    """Reads the feeds' own counters whenever it is asked.

    Examples
    --------
    >>> [family.name for family in FeedCounts().collect()]
    ['workbench_feed_messages', 'workbench_feed_faults', 'workbench_feed_lag_seconds',
     'workbench_feed_stale_symbols', 'workbench_feed_waiting']
    """

    def collect(self) -> Iterable[Metric]:
        """Yield messages, faults, lags, silent symbols and what is waited for by feed."""
        messages = CounterMetricFamily(
            "workbench_feed_messages", "Events told by a feed.", labels=("feed", "kind")
        )
        faults = CounterMetricFamily(
            "workbench_feed_faults", "What went wrong on a feed.", labels=("feed", "fault")
        )
        lags = GaugeMetricFamily(
            "workbench_feed_lag_seconds",
            "From an event's time to its arrival.",
            labels=("feed", "quantile"),
        )
        stale = GaugeMetricFamily(
            "workbench_feed_stale_symbols", "Silent in an open market.", labels=("feed",)
        )
        waiting = GaugeMetricFamily(
            "workbench_feed_waiting", "1 where a connection is waited for.", labels=("feed", "why")
        )
        for name, metrics in running().items():
            told = metrics.snapshot()
            for kind, count in told["by_kind"].items():
                messages.add_metric((name, kind), count)
            for fault in (*FAULTS, "gaps"):
                faults.add_metric((name, fault), told[fault])
            for quantile, lag in told["lag"].items():
                if lag is not None:
                    lags.add_metric((name, f"0.{quantile.removeprefix('p')}"), lag)
            stale.add_metric((name,), len(told["stale"]))
            state, _, why = told["state"].partition(": ")
            if state == "waiting":
                waiting.add_metric((name, why), 1)
        return (messages, faults, lags, stale, waiting)
