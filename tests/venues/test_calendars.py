"""A calendar is named by a code that exists."""

import pandas as pd
import pytest

import workbench as wb
from workbench.errors import UsageError
from workbench.venues.calendars import check_code

LINES = "Date,Open,High,Low,Close,Volume\n2024-01-02,1,2,1,2,10\n2024-01-03,1,2,1,2,10\n"


def test_an_unknown_calendar_offers_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'XNYS'"):
        check_code("XNYSE")


@pytest.mark.parametrize("code", ["XNYS", "24/7", "XLON"])
def test_a_known_calendar_is_itself(code):
    assert check_code(code) == code


def test_a_file_and_a_frame_refuse_a_calendar_that_is_none(tmp_path):
    path = tmp_path / "ACME.csv"
    path.write_text(LINES)
    with pytest.raises(UsageError, match="no such calendar: 'NYSEX'"):
        wb.load_bars_file(path, tz="UTC", calendar="NYSEX")
    frame = pd.read_csv(path, index_col="Date", parse_dates=True)
    with pytest.raises(UsageError, match="no such calendar: 'NYSEX'"):
        wb.as_bars(frame, tz="UTC", calendar="NYSEX")
