"""Run the venue as a process: ``python -m workbench.testing.brokers.alpaca``."""

from __future__ import annotations

import argparse
import json
import sys

from workbench.testing.brokers.alpaca.faults import AlpacaFaults
from workbench.testing.brokers.alpaca.server import KEY, SECRET, AlpacaServer


def main() -> None:
    """Serve until the input ends; the addresses are the first line of the output."""
    read = argparse.ArgumentParser(description="A simulated venue that speaks as Alpaca does.")
    read.add_argument("symbols", nargs="*", default=["AAPL", "MSFT", "BTC/USD"])
    read.add_argument("--cash", type=float, default=100_000.0)
    read.add_argument("--key", default=KEY)
    read.add_argument("--secret", default=SECRET)
    read.add_argument("--faults", default="{}", help="a table of faults as JSON")
    given = read.parse_args()
    faults = AlpacaFaults().changed(json.loads(given.faults))
    with AlpacaServer(
        given.symbols, given.cash, faults, key=given.key, secret=given.secret
    ) as server:
        told = {"url": server.url, "stream_url": server.stream_url}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        try:
            sys.stdin.read()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
