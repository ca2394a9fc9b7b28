import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from enum import Enum

import numpy as np
import pandas as pd
import pytest

from workbench.errors import DataError
from workbench.runs.manifest import DataFacts, Manifest, package_versions, plain

BARS = pd.DataFrame(
    {"open": [1.0, 2.0, 3.0], "close": [1.5, 2.5, np.nan]},
    index=pd.date_range("2024-01-02", periods=3, tz="UTC", name="time"),
)


class Kept:
    name = "Kept"

    def __init__(self, **params):
        self.params = params

    def targets(self, bars):
        return bars["close"]


class Side(Enum):
    LONG = "long"


def made(**changes):
    facts = {
        "kind": "backtest",
        "strategy": Kept(fast=10),
        "bars": BARS,
        "conventions": {"fill": "close"},
    }
    return Manifest.create(**facts | {"created": datetime(2024, 1, 5, tzinfo=UTC)} | changes)


def test_a_manifest_survives_json_and_pickle():
    manifest = made(
        strategy=Kept(a=np.int64(3), b=(1, 2.5), c=Side.LONG, d=float("inf"), e=None),
        conventions={"cash": 1e5, "costs": {"fee": float("nan")}},
        seed=7,
    )
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert pickle.loads(pickle.dumps(manifest)) == manifest
    assert dict(manifest.params) == {"a": 3, "b": [1, 2.5], "c": "long", "d": "inf", "e": None}
    json.loads(manifest.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_it_knows_the_data_it_was_given_and_not_what_a_slice_still_claims():
    bars = BARS.copy()
    bars.attrs |= {"fingerprint": "of something else", "timeframe": "1d", "source": "sample"}
    whole, part = DataFacts.of(bars), DataFacts.of(bars.iloc[:2])
    assert whole.fingerprint != part.fingerprint != "of something else"
    assert (whole.timeframe, whole.source, whole.bars) == ("1d", "sample", 3)
    assert (part.start, part.end) == ("2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00")


def test_symbols_come_in_the_order_of_the_columns():
    bars = pd.concat({"GOOG": BARS, "AAPL": BARS}, axis=1).swaplevel(axis=1)
    assert DataFacts.of(bars).symbols == ("GOOG", "AAPL")


def test_a_frame_without_rows_has_no_window():
    facts = DataFacts.of(BARS.iloc[:0])
    assert (facts.start, facts.end, facts.bars) == (None, None, 0)


def test_a_manifest_is_frozen_all_through():
    manifest = made()
    with pytest.raises(AttributeError):
        manifest.kind = "live"
    with pytest.raises(TypeError):
        manifest.params["fast"] = 11


def test_the_run_id_depends_on_all_that_the_run_is_made_of():
    ids = {
        made().run_id,
        made(kind="replay").run_id,
        made(strategy=Kept(fast=11)).run_id,
        made(bars=BARS.iloc[:2]).run_id,
        made(conventions={"fill": "next_open"}).run_id,
        made(seed=1).run_id,
    }
    assert len(ids) == 6
    assert made().run_id == made().run_id


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"run_id": "r"}', '{"data": 3}'])
def test_what_is_no_manifest_is_refused(text):
    with pytest.raises(DataError):
        Manifest.from_json(text)


def test_an_unknown_field_is_refused():
    with pytest.raises(DataError, match="surprise"):
        Manifest.from_dict(made().to_dict() | {"surprise": 1})


def test_html_escapes_what_it_shows():
    assert "<script>" not in made(strategy=Kept(a="<script>"))._repr_html_()


def test_versions_are_those_installed():
    assert package_versions()["numpy"] == np.__version__
    assert package_versions()["python"] == sys.version.split()[0]


def test_plain_orders_a_set():
    assert plain({"b", "a", "c"}) == ["a", "b", "c"]


def test_making_one_imports_neither_numba_nor_a_database_layer():
    code = (
        "import sys, workbench.runs.manifest, workbench.runs.ledger;"
        "print({'numba', 'sqlalchemy', 'talib', 'pyarrow'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()", ran.stderr
