import gc

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


def test_it_does_not_keep_a_frame_alive():
    frame = bars()
    fingerprint(frame)
    known = len(module._known)
    del frame
    gc.collect()
    assert len(module._known) < known
