"""``workbench trade`` as a person would run it: on the invented market, ended and begun again."""

import os
import signal
import subprocess
import sys
import time

TRADE = ["trade", "--strategy", "SmaCross", "--param", "fast=2", "--param", "slow=5", "--symbols",
         "ACME/USD", "--timeframe", "5s"]  # fmt: skip


def test_a_strategy_trades_stops_at_sigterm_and_goes_on(workbench, tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
    environment |= {"WORKBENCH_HOME": str(tmp_path), "COLUMNS": "160", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", *TRADE],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    said = ""
    while "Ctrl-C ends it" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    time.sleep(12)
    # the account is taken while it runs, and anybody may look on
    assert "already has a writer" in workbench(*TRADE, code=2)
    assert f"process {process.pid}" in workbench("status")
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "Stopped." in said
    status = workbench("status")
    assert "nobody" in status
    assert "waiting" in status and "running" not in status
    (run,) = (tmp_path / "data" / "runs").iterdir()
    workbench(*TRADE, "--for", "1")
    assert [run] == list((tmp_path / "data" / "runs").iterdir())  # the same run went on
    assert "live" in workbench("runs", "list")
    said = workbench("divergence", run.name, "--limit", "1000000")
    for word in ("backtest", "timing", "price", "live"):
        assert word in said
    assert "cannot be explained" not in said


def test_real_money_is_for_strategies_that_are_live(workbench):
    said = workbench(
        "trade", "--strategy", "SmaCross", "--symbols", "AAPL", "--venue", "sm", code=2
    )
    assert "did you mean 'sim'" in said
    said = workbench("strategy", "promote", "SmaCross", "live", "--override", "it is fine", code=2)
    assert "SmaCross is draft; it does not become live from there, but checked" in said


def test_the_stages_of_a_strategy(workbench, tmp_path):
    for step in ("checked", "paper"):
        workbench("strategy", "promote", "SmaCross", step, "--user", "ada")
    said = workbench("strategy", "promote", "SmaCross", "live", code=1)
    assert "0 days on paper of 10" in said
    said = workbench(
        "strategy",
        "promote",
        "SmaCross",
        "live",
        "--override",
        "traded it elsewhere",
        "--user",
        "bob",
    )
    assert "overridden" in said
    shown = workbench("strategy", "stages")
    assert "traded it elsewhere" in shown
    assert "bob" in shown
    (tmp_path / "leaky.py").write_text(
        "import workbench as wb\n\n\nclass Leaky(wb.Strategy):\n"
        "    def targets(self, bars):\n"
        "        return (bars['close'].shift(-1) > bars['close']).astype(float)\n"
    )
    assert "leak" in workbench("strategy", "promote", "leaky.py:Leaky", "checked", code=1)


def test_a_feed_that_waits_for_its_connection_is_shown_with_what_to_do():
    from workbench.cli.trade import _waiting
    from workbench.live.market.feed_metrics import FeedMetrics, register

    metrics = FeedMetrics("a feed that waits")
    register(metrics)
    metrics.tell_waiting(1, "connection limit", "End the other one.")
    told = [text.plain for text in _waiting()]
    assert "a feed that waits: waiting: connection limit. End the other one." in told
    metrics.tell_open(1)
    assert not any("a feed that waits" in text.plain for text in _waiting())
