import numpy as np
import pandas as pd
import pytest

from workbench.data import schema
from workbench.runs import fingerprint as module
from workbench.runs.fingerprint import fingerprint


def bars():
    times = pd.date_range("2024-01-02", periods=50, tz="UTC", name="time")
    values = np.random.default_rng(1).uniform(1, 2, (50, 2))
    return pd.DataFrame(values, index=times, columns=["open", "close"])


def test_it_is_the_one_of_the_schema():
    frame = bars()
    assert fingerprint(frame) == fingerprint(frame) == schema.fingerprint(frame)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.iloc.__setitem__((7, 1), 9.0),
        lambda f: f.iloc.__setitem__((7, 1), np.nan),
        lambda f: f.insert(0, "high", 1.0),
        lambda f: setattr(f, "columns", ["close", "open"]),
        lambda f: setattr(f, "index", f.index + pd.Timedelta("1D")),
    ],
)
def test_a_frame_changed_in_place_is_not_the_one_remembered(change):
    frame = bars()
    before = fingerprint(frame)
    change(frame)
    assert fingerprint(frame) == schema.fingerprint(frame) != before


def test_slices_and_products_have_their_own_whatever_their_attrs_say():
    frame = bars()
    frame.attrs["fingerprint"] = "claimed"
    seen = {fingerprint(frame), fingerprint(frame.iloc[:20]), fingerprint(frame * 2), "claimed"}
    assert len(seen) == 4


def test_text_columns_are_allowed():
    frame = bars().assign(note="x")
    assert fingerprint(frame) == schema.fingerprint(frame)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_unit_of_the_index_does_not_matter_but_its_times_do(unit):
    frame, other = bars(), bars()
    other.index = other.index.as_unit(unit)
    assert fingerprint(frame) == fingerprint(other)
    same_integers = pd.DatetimeIndex(
        np.arange(50).astype(f"datetime64[{unit}]"), tz="UTC", name="time"
    )
    seen = frame.set_axis(same_integers, axis=0)
    assert fingerprint(seen) == schema.fingerprint(seen)


def test_rows_in_another_order_are_other_data():
    frame = bars()
    shuffled = frame.sample(frac=1, random_state=3).set_axis(frame.index, axis=0)
    swapped = frame.copy()
    swapped.iloc[[3, 4]] = frame.iloc[[4, 3]].to_numpy()
    assert len({fingerprint(frame), fingerprint(shuffled), fingerprint(swapped)}) == 3


def test_what_it_remembers_is_bounded():
    for k in range(module._KEPT + 10):
        fingerprint(bars() + k)
    assert len(module._known) == module._KEPT
