"""Small tables from files."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.data.tables import read_table
from workbench.errors import DataError


def test_both_kinds_of_file_are_read_alike(tmp_path):
    rows = pd.DataFrame({"symbol": ["NA", "AAPL"], "start": ["2024-01-02", None]})
    rows.to_csv(tmp_path / "a.csv", index=False)
    rows.to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        found = read_table(tmp_path / name)
        assert found["symbol"].tolist() == ["NA", "AAPL"]
        assert found["start"].isna().tolist() == [False, True]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_damaged_file_is_told(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xff\xfe\x00broken")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / name)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / name)
