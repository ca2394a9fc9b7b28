"""The source ``files``: a folder, a file per symbol, one file that says how to read them."""

from __future__ import annotations

import pytest

from workbench.config import load_settings
from workbench.core.timeframe import Timeframe
from workbench.errors import DataError, UsageError
from workbench.venues.files.source import FilesSource

DAY = Timeframe(1, "d")
TEXT = "date,open,high,low,close,volume\n2024-01-02,1,2,1,2,10\n2024-01-03,1,2,1,2,10\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


@pytest.fixture
def source(tmp_path, folder):
    return FilesSource(load_settings(tmp_path, files_dir="mine"))


def test_symbols_are_the_names_of_the_files(source, folder):
    for name in ("B.csv", "A.parquet", "BTC%2FUSDT.csv.gz", "notes.txt", ".C.csv", "files.toml"):
        (folder / name).touch()
    assert source.symbols() == ["A", "B", "BTC/USDT"]


def test_a_symbol_is_read_as_files_toml_says(source, folder):
    (folder / "A.csv").write_text(TEXT)
    (folder / "B.csv").write_text(TEXT.replace("close", "last px"))
    (folder / "files.toml").write_text(
        'tz = "UTC"\n["B.csv"]\ncalendar = "24/7"\ncolumns = { close = "last px" }\n'
    )
    assert source.history("A", DAY).attrs["calendar"] == "XNYS"
    assert source.history("B", DAY).attrs["calendar"] == "24/7"
    assert source.history("B", DAY)["close"].tolist() == [2.0, 2.0]


def test_without_a_zone_the_error_says_so(source, folder):
    (folder / "A.csv").write_text(TEXT)
    with pytest.raises(DataError, match="tz"):
        source.history("A", DAY)


def test_files_are_read_anew(source, folder):
    (folder / "files.toml").write_text('tz = "UTC"\n')
    (folder / "A.csv").write_text(TEXT)
    assert len(source.history("A", DAY)) == 2
    (folder / "A.csv").write_text(TEXT + "2024-01-04,1,2,1,2,10\n")
    assert len(source.history("A", DAY)) == 3


def test_wrong_symbols_timeframes_and_keys_are_told(source, folder):
    (folder / "ACME.csv").write_text(TEXT)
    toml = folder / "files.toml"
    toml.write_text('tz = "UTC"\n')
    with pytest.raises(UsageError, match="did you mean 'ACME'"):
        source.history("ACNE", DAY)
    with pytest.raises(UsageError, match="holds 1d bars, not 5m"):
        source.history("ACME", Timeframe(5, "m"))
    toml.write_text('timezone = "UTC"\n')
    with pytest.raises(UsageError, match="unknown key 'timezone'"):
        source.history("ACME", DAY)
    toml.write_text("tz = 5\n")
    with pytest.raises(UsageError, match="may not be 5"):
        source.history("ACME", DAY)
    toml.write_text("tz = \n")
    with pytest.raises(UsageError, match="not valid TOML"):
        source.history("ACME", DAY)


def test_two_files_of_one_symbol_are_refused(source, folder):
    (folder / "A.csv").write_text(TEXT)
    (folder / "A.parquet").touch()
    with pytest.raises(UsageError, match="two files"):
        source.symbols()


def test_no_folder_no_symbols(tmp_path):
    source = FilesSource(load_settings(tmp_path))
    assert source.symbols() == []
    with pytest.raises(UsageError, match=r"put a file A\.csv or \.parquet into"):
        source.history("A", DAY)
