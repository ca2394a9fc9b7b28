import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from workbench.config import load_settings
from workbench.errors import DataError
from workbench.runs import writer
from workbench.runs.ledger import Ledger, Trial
from workbench.runs.manifest import DataFacts, Manifest

MANIFEST = Manifest(
    "r1",
    "backtest",
    "SmaCross",
    {"fast": 10, "slow": 50},
    "c0de",
    DataFacts("f00d", start="2024-01-02", end="2024-06-28", bars=120),
    conventions={"fill": "next_open", "stops": {"loss": None}, "cash": 1e5},
)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "data" / "ledger.db")


def trial(sharpe=1.0, params=None, **changes):
    return Trial(replace(MANIFEST, **changes), sharpe, 252, params)


def test_a_new_ledger_is_empty_and_makes_no_file(ledger):
    assert ledger.count() == 0
    assert ledger.sharpes().tolist() == []
    assert ledger.frame().empty
    assert not ledger.path.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": "Pairs"},
        {"params": {"fast": 11, "slow": 50}},
        {"code_hash": "beef"},
        {"data": replace(MANIFEST.data, fingerprint="beef")},
        {"conventions": {**MANIFEST.conventions, "stops": {"loss": 0.1}}},
        {"conventions": {**MANIFEST.conventions, "fill": "close"}},
    ],
)
def test_what_makes_another_trial(ledger, changes):
    ledger.record([trial(), trial(**changes)])
    assert ledger.count() == 2


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"run_id": "r2", "kind": "sweep", "created": "2025-01-01T00:00:00+00:00"},
        {"conventions": {**MANIFEST.conventions, "cash": 5.0, "periods_per_year": 365}},
        {"params": {"slow": 50.0, "fast": np.int64(10)}},
    ],
)
def test_what_is_the_same_trial_seen_again(ledger, changes):
    ledger.record([trial()])
    ledger.record([trial(**changes)])
    assert ledger.count() == 1
    assert len(ledger.frame()) == 2


def test_a_point_of_a_sweep_and_its_own_backtest_are_one(ledger):
    ledger.record([trial(params={"fast": 12, "slow": 50}, kind="sweep")])
    assert (
        ledger.record(
            [replace(trial(), manifest=replace(MANIFEST, params={"fast": 12, "slow": 50}))]
        )
        == ""
    )
    assert ledger.count() == 1


def test_count_and_sharpes_by_strategy_and_data(ledger):
    other = replace(MANIFEST.data, fingerprint="beef")
    ledger.record([trial(1.0), trial(2.0, {"fast": 3}), trial(3.0, data=other)])
    ledger.record([trial(4.0, strategy="Pairs"), trial(np.nan, {"fast": 4})])
    assert ledger.count() == 5
    assert ledger.count("SmaCross") == 4
    assert ledger.count("SmaCross", "f00d") == 3
    assert ledger.count(fingerprint="beef") == 1
    assert ledger.count("SmaCrss") == 0
    assert ledger.sharpes("SmaCross", "f00d") == pytest.approx(np.array([1, 2]) / np.sqrt(252))


def test_of_a_trial_seen_twice_the_latest_sharpe_counts(ledger):
    ledger.record([trial(1.0)])
    ledger.record([trial(2.0)])
    assert ledger.sharpes() == pytest.approx([2 / np.sqrt(252)])


def test_it_is_append_only(ledger):
    ledger.record([trial()])
    with sqlite3.connect(ledger.path) as connection:
        for statement in ("UPDATE trials SET sharpe = 9", "DELETE FROM trials"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)
    assert ledger.sharpes() == pytest.approx([1 / np.sqrt(252)])


def test_a_batch_is_written_whole_or_not(ledger):
    ledger.record([trial()])
    broken = replace(MANIFEST, data=replace(MANIFEST.data, bars=None))
    said = ledger.record([trial(params={"fast": 3}), Trial(broken, 1.0, 252)])
    assert "2 trials could not be written" in said
    assert ledger.count() == 1


def test_a_folder_that_cannot_be_written_is_a_word_and_no_error(tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    said = Ledger(tmp_path / "data" / "ledger.db").record([trial()])
    assert said.startswith("not counted: 1 trial could")


def test_a_damaged_ledger_costs_no_backtest_but_is_not_believed(ledger):
    ledger.path.parent.mkdir()
    ledger.path.write_bytes(b"this is no database at all" * 100)
    assert "not counted" in ledger.record([trial()])
    with pytest.raises(DataError, match="cannot be read"):
        ledger.count()


def test_a_ledger_of_a_newer_workbench_is_left_alone(ledger):
    ledger.record([trial()])
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("PRAGMA user_version=99")
    assert "newer" in ledger.record([trial(params={"fast": 3})])


def test_nothing_to_record_is_nothing_written(ledger):
    assert ledger.record([]) == ""
    assert not ledger.path.exists()


def test_it_opens_in_the_workspace(tmp_path):
    assert Ledger.open(load_settings(tmp_path)).path == tmp_path / "data" / "ledger.db"


def test_processes_write_together_and_lose_nothing(ledger):
    code = """
import sys
from pathlib import Path
from workbench.runs.ledger import Ledger, Trial
from workbench.runs.manifest import DataFacts, Manifest
path, who = Path(sys.argv[1]), sys.argv[2]
manifest = Manifest(who, "sweep", "SmaCross", {}, "c0de", DataFacts("f00d"))
for batch in range(10):
    said = Ledger(path).record(
        [Trial(manifest, 1.0, 252, {"who": who, "n": batch * 20 + k}) for k in range(20)]
    )
    assert said == "", said
"""
    command = [sys.executable, "-c", code, str(ledger.path)]
    running = [
        subprocess.Popen([*command, str(k)], stderr=subprocess.PIPE, text=True) for k in range(4)
    ]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert ledger.count() == 800
    assert ledger.count("SmaCross", "f00d") == 800


def test_a_ledger_that_was_moved_away_begins_anew_where_it_was(ledger):
    ledger.record([trial()])
    ledger.path.rename(ledger.path.with_name("old.db"))
    for side in ("-wal", "-shm"):
        ledger.path.with_name(ledger.path.name + side).unlink(missing_ok=True)
    assert ledger.record([trial(params={"fast": 3}), trial(params={"fast": 4})]) == ""
    assert ledger.count() == 2


def test_threads_and_forked_children_write_to_the_same_ledger(ledger):
    ledger.record([trial()])
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda k: ledger.record([trial(params={"thread": k})]), range(40)))
    assert set(said) == {""}
    code = """
import os, sys
from pathlib import Path
from workbench.runs.ledger import Ledger, Trial
from workbench.runs.manifest import DataFacts, Manifest
ledger = Ledger(Path(sys.argv[1]))
manifest = Manifest("r", "sweep", "SmaCross", {}, "c0de", DataFacts("f00d"))
assert ledger.record([Trial(manifest, 1.0, 252, {"before": 1})]) == ""
child = os.fork()
for k in range(20):
    assert ledger.record([Trial(manifest, 1.0, 252, {"pid": os.getpid(), "k": k})]) == ""
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", code, str(ledger.path)], check=True, timeout=120)
    assert ledger.count() == 1 + 40 + 1 + 40
    with sqlite3.connect(ledger.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_killed_process_loses_nothing_that_was_recorded(ledger):
    code = """
import os, signal, sys
from pathlib import Path
from workbench.runs.ledger import Ledger, Trial
from workbench.runs.manifest import DataFacts, Manifest
manifest = Manifest("r", "sweep", "SmaCross", {}, "c0de", DataFacts("f00d"))
for k in range(5):
    Ledger(Path(sys.argv[1])).record([Trial(manifest, 1.0, 252, {"k": k})])
os.kill(os.getpid(), signal.SIGKILL)
"""
    ran = subprocess.run([sys.executable, "-c", code, str(ledger.path)], check=False, timeout=120)
    assert ran.returncode == -9
    assert ledger.count() == 5


def test_it_knows_which_trials_a_run_has_recorded(ledger):
    mine = [trial(run_id="r1", params={"fast": n}) for n in (5, 6)]
    ledger.record([*mine, trial(run_id="r2", params={"fast": 7})])
    assert ledger.trials_of("r1") == {t.identity for t in mine}
    assert ledger.trials_of("r3") == frozenset()


def test_what_a_killed_writer_left_half_done_is_rolled_back_by_the_next_reader(ledger):
    ledger.record([trial()])
    writer._shelf().drop(ledger.path.absolute())  # WAL is left only where nobody has it open
    killed = """
import os, sqlite3, sys
writer = sqlite3.connect(sys.argv[1], isolation_level=None)
writer.execute("PRAGMA journal_mode=DELETE")
writer.execute("PRAGMA cache_size=1")  # so that the file itself is written before the commit
writer.execute("BEGIN IMMEDIATE")
writer.execute("DROP TABLE trials")
writer.execute("CREATE TABLE half (text)")
writer.executemany("INSERT INTO half VALUES (?)", [("x" * 900,)] * 200)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", killed, str(ledger.path)], check=False)
    assert done.returncode == -9
    assert ledger.path.with_name("ledger.db-journal").stat().st_size > 0
    assert ledger.count() == 1
