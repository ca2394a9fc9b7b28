import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.backtest.engine import prepare
from workbench.errors import UnavailableError, UsageError
from workbench.research import dask_cluster, dask_runner
from workbench.research.dask_runner import Workers
from workbench.research.engines import Engine
from workbench.research.grid import Grid
from workbench.research.sweep import sweep
from workbench.runs.ledger import Ledger

distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")
KilledWorker = pytest.importorskip("distributed.scheduler").KilledWorker

GRID = {"fast": range(5, 35), "slow": range(40, 200, 4)}


class _Slow(wb.Strategy):
    """A strategy that takes its time, on a worker as here."""

    window: int = wb.param(10, low=2, high=500)
    pause: float = wb.param(0.0, low=0, high=1)

    def targets(self, bars):
        time.sleep(self.pause)
        if self.window == 7:
            raise _Unlucky(self.window)
        return (bars["close"] > bars["close"].rolling(self.window).mean()).astype(float)


class _Unlucky(ValueError):
    """An error that cannot be pickled back: its arguments are not those of its text."""

    def __init__(self, window):
        super().__init__(f"{window} brings bad luck", object())


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=":0",
        worker_dashboard_address=None,
    ) as found:
        yield found


@pytest.fixture(scope="module")
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as found:
        yield found


@pytest.fixture(autouse=True)
def two_workers(request):
    """Wait until those are back that a test has killed."""
    if "client" in request.fixturenames or "cluster" in request.fixturenames:
        request.getfixturevalue("client").wait_for_workers(2, timeout=60)


def assert_same(far, near):
    assert far.engine == near.engine
    assert_frame_equal(far.stats, near.stats, check_exact=True)


def test_a_rule_gives_the_same_bits_as_here_and_each_trial_counts_once(one, client):
    far = sweep(wb.strategies.SmaCross, one, on=client, progress=False, **GRID)
    assert len(far) == 1_200 and far.finished
    assert Ledger.open().count() == 1_200 == len(Ledger.open().frame())
    assert_same(far, sweep(wb.strategies.SmaCross, one, progress=False, **GRID))
    assert_frame_equal(far.best().run().fills, far.best().run().fills)


def test_other_engines_and_several_symbols_give_the_same_bits(one, two, cluster):
    address = cluster.scheduler_address
    given = {"stops": wb.Stops(loss=0.03), "window": range(5, 25), "progress": False}
    for engine, most in (("spans", None), ("generic", 0.5)):
        costs = wb.Costs(fee=wb.fees.Bps(10), max_participation=most)
        far = sweep(wb.strategies.RsiReversion, one, on=address, costs=costs, **given)
        assert far.engine == engine
        assert_same(far, sweep(wb.strategies.RsiReversion, one, costs=costs, **given))
    given = {"lookback": range(20, 40, 4), "skip": [0, 5], "engine": "each", "progress": False}
    far = sweep(wb.strategies.Momentum, two, on=cluster, **given)
    assert_same(far, sweep(wb.strategies.Momentum, two, **given))


@pytest.mark.parametrize("prune", [None, "halving"])
def test_a_search_that_learns_proposes_the_same_points_as_here(one, client, prune):
    pytest.importorskip("optuna", reason="the extra `search` is not installed")
    given = {"search": "tpe", "trials": 40, "prune": prune, "progress": False, "record": False}
    given |= {"fast": (5, 40), "slow": (50, 200)}
    near = sweep(wb.strategies.SmaCross, one, **given)
    far = sweep(wb.strategies.SmaCross, one, on=client, **given)
    assert_same(far, near)
    assert_frame_equal(far.search.pruned, near.search.pruned, check_exact=True)
    assert len(far) + len(far.search.pruned) == 40


def test_a_search_that_was_interrupted_here_goes_on_there(one, client):
    pytest.importorskip("optuna", reason="the extra `search` is not installed")
    given = {"search": "tpe", "trials": 40, "prune": "median", "window": (10, 300)}

    def listen(done, _):
        if done >= 20:
            raise KeyboardInterrupt

    part = sweep(_Slow, one, progress=listen, **given)
    assert 0 < len(part) + len(part.search.pruned) < 40
    far = sweep(_Slow, one, on=client, resume=part.run_id, progress=False, **given)
    whole = sweep(_Slow, one, progress=False, record=False, **given)
    assert_same(far, whole)
    assert_frame_equal(far.search.pruned, whole.search.pruned, check_exact=True)


def test_a_strategys_error_costs_its_point_as_here(one, client):
    far = sweep(_Slow, one, on=client, window=range(3, 30), progress=False)
    near = sweep(_Slow, one, window=range(3, 30), progress=False)
    assert 7 not in far.stats["window"].tolist()
    assert_same(far, near)
    assert "1 of 27 points failed" in far.findings[0] and "window=7" in far.findings[0]
    assert "bad luck" in far.findings[0]
    with pytest.raises((RuntimeError, ValueError), match="bad luck"):
        sweep(_Slow, one, on=client, window=[7], progress=False)


def test_a_killed_worker_costs_nothing(one, client):
    pids = list(client.run(os.getpid).values())
    killed = []

    def listen(done, total):
        if not killed and done > 4:
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    given = {"window": range(10, 110), "pause": [0.02, 0.021]}
    far = sweep(_Slow, one, on=client, progress=listen, **given)
    assert killed and far.finished and len(far) == 200
    frame = Ledger.open().frame()
    assert len(frame) == 200 == frame["trial"].nunique()
    assert_same(far, sweep(_Slow, one, progress=False, record=False, **given))


def test_all_workers_killed_at_once_costs_nothing_where_they_come_back(one, client):
    killed = []

    def listen(done, total):
        if not killed and done > 4:
            killed.extend(client.run(os.getpid).values())
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    far = sweep(_Slow, one, on=client, progress=listen, window=range(10, 70), pause=0.05)
    assert len(killed) == 2 and far.finished and len(far) == 60
    assert len(Ledger.open().frame()) == 60


def test_where_no_worker_is_left_the_finished_points_are_kept(one, monkeypatch):
    monkeypatch.setattr(dask_runner, "_PATIENCE_SECONDS", 1.0)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
        ) as brief,
        distributed.Client(brief, set_as_default=False) as its,
    ):

        def listen(done, total):
            if done > 4:
                brief.scale(0)

        with pytest.raises(UnavailableError, match="no worker is left") as told:
            sweep(_Slow, one, on=its, progress=listen, window=range(10, 90), pause=0.05)
        kept = told.value.finished
        assert 4 < len(kept) < 80 and not kept.finished
        assert Ledger.open().count() == len(kept) == len(Ledger.open().frame())
        assert kept.best("bars").stats["bars"] == len(one)


def test_an_interrupt_returns_what_is_finished_and_leaves_nothing_running(one, client):
    def listen(done, total):
        if done > 4:
            raise KeyboardInterrupt

    found = sweep(_Slow, one, on=client, progress=listen, window=range(10, 200), pause=0.05)
    assert 4 < len(found) < 190
    assert f"interrupted: {len(found)} of 190" in found.findings[0]
    assert Ledger.open().count() == len(found)
    deadline = time.monotonic() + 20
    while any(client.processing().values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(client.processing().values())


def test_a_chunk_that_kills_its_workers_costs_its_points_alone(one):
    """The scheduler gives a chunk up after several deaths; what it then says is given here."""
    grid = Grid.of(_Slow, {"window": range(10, 20)})
    workers = Workers(None, Engine(grid, prepare(one)))
    done = workers._failed(KilledWorker("compute-1", "tcp://127.0.0.1:1", 3), np.array([4, 5]))
    assert done.numbers.tolist() == [4, 5] and np.isnan(done.rows).all()
    assert all("died of them" in str(error) for error in done.failures.values())
    with pytest.raises(UsageError, match="cannot load _Slow"):
        workers._failed(ModuleNotFoundError("No module named 'mine'"), np.array([4]))


def test_a_class_of_a_script_or_notebook_travels_with_its_code(cluster, tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            import workbench as wb

            LEVEL = 1.0

            def above(close, window):
                return (close > close.rolling(window).mean()).astype(float) * LEVEL

            class Mine(wb.Strategy):
                window: int = wb.param(10, low=2, high=100)

                def targets(self, bars):
                    return above(bars["close"], self.window)

            class Ruled(wb.Strategy):
                window: int = wb.param(10, low=2, high=100)

                def rule(self):
                    return wb.rules.hold(wb.rules.close > wb.rules.sma(self.window))

            bars = wb.bars("AAPL", start="2010", end="2012", source="sample")
            for kind in (Mine, Ruled):
                near = wb.sweep(kind, bars, progress=False, window=range(5, 40))
                far = wb.sweep(kind, bars, progress=False, window=range(5, 40), on=sys.argv[1])
                assert len(far) == 35
                assert far.stats.equals(near.stats), (far.stats - near.stats).abs().max()
            print("the same")
            """
        )
    )
    ran = subprocess.run(
        [sys.executable, str(script), cluster.scheduler_address],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "WORKBENCH_HOME": str(tmp_path)},
        check=False,
    )
    assert ran.stdout.strip() == "the same", ran.stderr


def test_no_scheduler_and_no_such_thing_are_told(one, monkeypatch):
    monkeypatch.setattr(dask_cluster, "_CONNECT_SECONDS", 1)
    with pytest.raises(UnavailableError, match=r"answers at tcp://127\.0\.0\.1:9"):
        sweep(wb.strategies.SmaCross, one, on="tcp://127.0.0.1:9", progress=False, fast=[5, 6])
    for wrong in (7, "localhost", object()):
        with pytest.raises(UsageError, match="address of a Dask scheduler"):
            sweep(wb.strategies.SmaCross, one, on=wrong, progress=False, fast=[5, 6])
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r'pip install "trading-workbench\[dask\]"'):
        sweep(wb.strategies.SmaCross, one, on="tcp://127.0.0.1:9", progress=False, fast=[5, 6])
    assert Ledger.open().count() == 0


def test_workers_with_other_versions_are_refused(one, client):
    older = """
from workbench.research import dask_chunk
dask_chunk.real = real = dask_chunk.versions
dask_chunk.versions = lambda: real() | {"numpy": "1.0"}
"""
    again = """
from workbench.research import dask_chunk
dask_chunk.versions = dask_chunk.real
"""
    client.run(exec, older, {})
    try:
        with pytest.raises(UsageError, match=r"numpy 1\.0 instead of"):
            sweep(wb.strategies.SmaCross, one, on=client, progress=False, fast=[5, 6])
    finally:
        client.run(exec, again, {})


def test_the_settings_say_where_and_here_overrules_them(one, workspace, monkeypatch):
    monkeypatch.setattr(dask_cluster, "_CONNECT_SECONDS", 1)
    (workspace / "workbench.toml").write_text('dask = "tcp://127.0.0.1:9"\n')
    with pytest.raises(UnavailableError, match=r"tcp://127\.0\.0\.1:9"):
        sweep(wb.strategies.SmaCross, one, progress=False, fast=[5, 6, 7])
    near = sweep(wb.strategies.SmaCross, one, on="here", progress=False, fast=[5, 6, 7])
    assert np.isfinite(near.stats["sharpe"]).all()
