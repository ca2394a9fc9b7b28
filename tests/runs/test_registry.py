import json
from decimal import Decimal

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from workbench.errors import DataError, UsageError
from workbench.runs import registry
from workbench.runs.manifest import DataFacts, Manifest

TIMES = pd.date_range("2024-01-02", periods=4, tz="UTC", name="time")


def manifest(run_id="backtest-20240102T000000-aaaaaa", **changes):
    facts = {
        "kind": "backtest",
        "strategy": "SmaCross",
        "params": {"fast": 10},
        "code_hash": "c0de",
        "data": DataFacts("f00d", symbols=("AAPL",), bars=4),
        "created": "2024-01-02T00:00:00+00:00",
    }
    return Manifest(run_id, **facts | changes)


def frames():
    columns = pd.MultiIndex.from_product([["close"], ["AAPL", "IBM"]], names=["field", "symbol"])
    wide = pd.DataFrame(np.arange(8.0).reshape(4, 2), index=TIMES, columns=columns)
    wide.attrs = {"timeframe": "1d"}
    fills = pd.DataFrame(
        {
            "time": TIMES,
            "symbol": ["AAPL", "IBM", "AAPL", None],
            "quantity": [1.0, np.nan, 3.0, np.inf],
            "path_dependent": [True, False, True, False],
            "paid": [Decimal("0.10"), Decimal("0.20"), None, Decimal("0.30")],
        }
    )
    stats = pd.Series(
        {
            "start": TIMES[0],
            "bars": 4,
            "sharpe": 0.7,
            "calmar": np.nan,
            "held": pd.Timedelta("3D"),
            "note": "float: 3",
            "none": None,
            "flag": True,
        },
        name="stats",
        dtype=object,
    )
    stats.attrs["conventions"] = {"fill": "next_open"}
    return {
        "equity": pd.Series([1.0, 1.1, np.nan, 1.3], index=TIMES, name="equity"),
        "wide": wide,
        "fills": fills,
        "none": fills.iloc[:0],
        "stats": stats,
    }


def test_a_run_comes_back_as_it_was(tmp_path):
    before = frames()
    path = registry.save(manifest(), before, tmp_path)
    known, after = registry.load(manifest().run_id, tmp_path)
    assert path == tmp_path / manifest().run_id
    assert known == manifest()
    assert list(after) == list(before)
    for name in ("wide", "fills"):
        assert_frame_equal(after[name], before[name], check_freq=True)
        assert after[name].attrs == before[name].attrs
    assert_series_equal(after["equity"], before["equity"], check_freq=True)
    assert list(after["none"].columns) == list(before["none"].columns)
    assert len(after["none"]) == 0
    old, new = before["stats"], after["stats"]
    assert new.attrs == old.attrs and new.name == "stats"
    for name in old.index.drop("calmar"):
        assert new[name] == old[name] and type(new[name]) is type(old[name]), name
    assert np.isnan(new["calmar"])


def test_the_workspace_is_where_it_lies_by_default(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    path = registry.save(manifest(), {})
    assert path == tmp_path / "data" / "runs" / manifest().run_id
    assert registry.load(manifest().run_id) == (manifest(), {})


def test_saving_again_takes_the_place_and_leaves_nothing_beside(tmp_path):
    registry.save(manifest(), {"a": pd.Series([1.0])}, tmp_path)
    registry.save(manifest(), {"b": pd.Series([2.0])}, tmp_path)
    assert list(registry.load(manifest().run_id, tmp_path)[1]) == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == [manifest().run_id]


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path):
    path = registry.save(manifest(), {"a": pd.Series([1.0])}, tmp_path)
    path.rename(registry._aside(path))
    assert registry.load(manifest().run_id, tmp_path)[1]["a"].tolist() == [1.0]


def test_what_cannot_be_kept_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(UsageError, match="odd"):
        registry.save(manifest(), {"odd": pd.DataFrame({"a": [1, "x", object()]})}, tmp_path)
    with pytest.raises(UsageError, match="odd"):
        registry.save(manifest(), {"odd": pd.Series([1, object()])}, tmp_path)
    with pytest.raises(UsageError, match="no text"):
        registry.save(manifest(), {"odd": pd.DataFrame({1: [1]})}, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../away", "a/b", "", ".hidden", "a\0b"])
def test_a_name_never_leaves_the_folder(tmp_path, name):
    with pytest.raises(UsageError):
        registry.save(manifest(), {name: pd.Series([1.0])}, tmp_path)
    with pytest.raises(UsageError):
        registry.load(name, tmp_path)
    with pytest.raises(UsageError):
        registry.save(manifest(name), {}, tmp_path)


def test_an_unknown_run_offers_the_nearest(tmp_path):
    registry.save(manifest(), {}, tmp_path)
    with pytest.raises(UsageError, match="aaaaaa"):
        registry.load("backtest-20240102T000000-aaaaab", tmp_path)
    with pytest.raises(UsageError, match="holds none"):
        registry.load("r1", tmp_path / "elsewhere")


def damage_frame(path):
    file = path / "equity.parquet"
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


def swap_manifest(path):
    file = path / "manifest.json"
    index = json.loads(file.read_text())
    index["manifest"]["run_id"] = "another"
    file.write_text(json.dumps(index))


@pytest.mark.parametrize(
    "damage",
    [
        damage_frame,
        swap_manifest,
        lambda path: (path / "equity.parquet").unlink(),
        lambda path: (path / "manifest.json").unlink(),
        lambda path: (path / "manifest.json").write_bytes(b"\xff{"),
        lambda path: (path / "manifest.json").write_text("[]"),
        lambda path: (path / "manifest.json").write_text('{"manifest": {}, "frames": {}}'),
    ],
)
def test_a_damaged_run_is_refused_by_name(tmp_path, damage):
    path = registry.save(manifest(), frames(), tmp_path)
    damage(path)
    with pytest.raises(DataError):
        registry.load(manifest().run_id, tmp_path)


def test_the_list_is_newest_first_and_survives_a_damaged_run(tmp_path):
    registry.save(manifest("old", created="2023-01-01T00:00:00+00:00"), frames(), tmp_path)
    registry.save(manifest("new", created="2024-06-01T00:00:00.5+00:00"), frames(), tmp_path)
    bad = registry.save(manifest("bad"), frames(), tmp_path)
    (bad / "manifest.json").write_text("{")
    listed = registry.list_runs(tmp_path)
    assert list(listed.index) == ["new", "old", "bad"]
    assert listed.loc["new", ["strategy", "params", "sharpe", "problem"]].tolist() == [
        "SmaCross",
        "fast=10",
        0.7,
        "",
    ]
    assert "damaged" in listed.loc["bad", "problem"]


def test_an_empty_workspace_has_an_empty_list(tmp_path):
    assert registry.list_runs(tmp_path / "none").empty


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="could not be saved"):
        registry.save(manifest(), {}, tmp_path / "file" / "runs")


def test_days_of_an_exchange_come_back_without_the_name_of_their_frequency(tmp_path):
    days = exchange_calendars.get_calendar("XNYS").sessions_in_range("2020-01-02", "2020-03-31")
    assert days.freqstr == "C"  # its holidays are not in its name
    frame = pd.DataFrame({"equity": np.arange(len(days), dtype=float)}, index=days)
    path = registry.save(manifest(), {"equity": frame}, tmp_path)
    _, found = registry.load(path.name, tmp_path)
    assert_frame_equal(found["equity"], frame, check_freq=False)
