"""What Prometheus may read: requests, latencies, orders and the desk's state."""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from workbench.server.feed_counts import FeedCounts

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = CONTENT_TYPE_LATEST
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One application's counters, in a registry of its own.

    Examples
    --------
    >>> metrics = Metrics()
    >>> metrics.observe("GET", "/healthz", 200, 0.003)
    >>> b'route="/healthz",status="200"} 1.0' in metrics.page()
    True
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(FeedCounts())
        self._requests = Counter(
            "workbench_requests_total",
            "Answered requests.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "workbench_request_seconds",
            "Seconds to the end of the answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.orders = Counter(
            "workbench_orders_total",
            "Orders asked for, by outcome.",
            ("outcome",),
            registry=self.registry,
        )
        self.logins = Counter(
            "workbench_logins_total",
            "Tries to log in, by outcome.",
            ("outcome",),
            registry=self.registry,
        )
        self.is_halted = Gauge(
            "workbench_halted", "1 while trading is halted.", registry=self.registry
        )
        self.equity = Gauge(
            "workbench_desk_equity", "Equity of the desk's account.", registry=self.registry
        )
        self.open_orders = Gauge(
            "workbench_open_orders", "Orders that may still be filled.", registry=self.registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; `route` is the pattern, so that paths cannot flood the labels."""
        known = method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE") else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def page(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)
