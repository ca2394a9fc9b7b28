import pytest

from workbench.config import load_settings
from workbench.errors import UsageError
from workbench.reports.library import find, listed


def test_the_morning_s_report_comes_with_the_package(tmp_path):
    settings = load_settings(tmp_path)
    assert find("daily_review", settings).name == "daily_review.ipynb"


def test_a_workspace_s_own_takes_precedence(tmp_path):
    own = tmp_path / "notebooks" / "reports" / "daily_review.ipynb"
    own.parent.mkdir(parents=True)
    own.write_text("{}")
    assert listed(load_settings(tmp_path))["daily_review"] == own
    assert find(own, load_settings(tmp_path)) == own


def test_an_unknown_report_is_told(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'daily_review'"):
        find("daily_revue", load_settings(tmp_path))
    with pytest.raises(UsageError, match="no such notebook"):
        find("nothing.ipynb", load_settings(tmp_path))
