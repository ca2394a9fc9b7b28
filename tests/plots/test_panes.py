import pandas as pd
import pytest

from workbench.errors import UsageError
from workbench.plots.panes import Line, Pane, as_lines, equity_pane


def test_a_frame_gives_a_line_for_each_column():
    frame = pd.DataFrame({"upper": [2.0], "lower": [1.0]})
    given = {"SMA": pd.Series([1.0]), "BB": frame, "X": Line(pd.Series([3.0]), dash="dotted")}
    lines = as_lines(given)
    assert list(lines) == ["SMA", "BB upper", "BB lower", "X"]
    assert lines["X"].dash == "dotted"


def test_what_is_no_line_is_refused():
    with pytest.raises(UsageError, match="'SMA' must be"):
        as_lines({"SMA": [1, 2]})


def test_a_pane_says_which_words_it_knows():
    line = {"a": pd.Series([1.0])}
    with pytest.raises(UsageError, match="no kind 'lines', did you mean 'line'"):
        Pane("P", line, kind="lines")
    with pytest.raises(UsageError, match="no unit"):
        Pane("P", line, unit="EUR")
    with pytest.raises(UsageError, match="has no line"):
        Pane("P")


def test_the_equity_pane_has_a_benchmark_only_when_given():
    equity = pd.Series([1.0])
    assert list(equity_pane(equity).lines) == ["Equity"]
    assert list(equity_pane(equity, equity).lines) == ["Equity", "Buy & hold"]
