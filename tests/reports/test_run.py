import json
import re

import pytest

from workbench.errors import UnavailableError, UsageError
from workbench.reports.run import run_report


def outputs_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lines = [
        "".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", ())
    ]
    return "".join(lines)


def test_values_arrive_as_values_and_never_as_code(notebook, tmp_path):
    path = notebook(
        'days = 5\nname = "x"\nsymbols = ["A"]\nas_of = None',
        "print([days, name, symbols, as_of])",
    )
    evil = "\"; import os; raise SystemExit  # \\\" \n''' {}"
    given = {"days": "9", "name": evil, "symbols": [evil, "B"]}
    report = run_report(path, given, tmp_path / "out", run_id="r1")
    assert outputs_of(report.notebook).strip() == str([9, evil, [evil, "B"], None])
    assert report.html == tmp_path / "out" / "r1" / "small.html"
    assert report.notebook == tmp_path / "out" / "r1" / "small.ipynb"
    text = report.html.read_text(encoding="utf-8")
    assert "<title>A small one</title>" in text
    assert "print(" not in text, "a report shows no code"
    assert "FAILED" not in text


def test_no_secret_reaches_the_notebook(notebook, tmp_path, monkeypatch):
    for name in ("WORKBENCH_SECRET_KEY", "APCA_API_SECRET_KEY", "SOMETHING_ELSE"):
        monkeypatch.setenv(name, "hush-hush")
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    path = notebook(
        "days = 1", "import os\nprint(sorted(os.environ))\nprint('hush' in str(os.environ))"
    )
    report = run_report(path, {}, tmp_path / "out")
    told = outputs_of(report.notebook)
    assert "False" in told
    assert re.findall(r"WORKBENCH_\w+", told) == ["WORKBENCH_HOME"]


def test_a_failing_cell_is_named_and_what_ran_is_kept(notebook, tmp_path):
    path = notebook("days = 1", "print('before')", "{}['no <such> key']", "print('never')")
    with pytest.raises(UsageError, match=r"cell 4 of .* KeyError: 'no <such> key'"):
        run_report(path, {"days": 2}, tmp_path / "out", run_id="r3")
    with pytest.raises(UsageError, match=r"cell 4 of .* KeyError: 'no <such> key'") as caught:
        run_report(path, {}, tmp_path / "out", run_id="r2")
    error = caught.value
    assert error.error == "KeyError"
    assert error.cell == 4
    folder = tmp_path / "out" / "r2"
    assert {p.name for p in folder.iterdir()} == {"small.ipynb", "small.FAILED.html"}
    text = (folder / "small.FAILED.html").read_text(encoding="utf-8")
    assert "<title>FAILED: A small one</title>" in text
    assert "before" in text
    assert "never" not in text
    assert "no &lt;such&gt; key" in text
    assert "KeyError" in (folder / "small.ipynb").read_text(encoding="utf-8")


def test_a_report_that_takes_too_long_is_ended(notebook, tmp_path):
    path = notebook("days = 1", "import time\ntime.sleep(600)")
    with pytest.raises(UnavailableError, match="longer than 4 s"):
        run_report(path, {}, tmp_path / "out", timeout=4)


def test_a_run_stays_in_its_folder(notebook, tmp_path):
    path = notebook("days = 1")
    for name in ("../evil", "a/b", "", ".hidden", "x" * 200):
        if name:
            with pytest.raises(UsageError, match="no name of a run"):
                run_report(path, {}, tmp_path / "out", run_id=name)
    assert not (tmp_path / "out").exists()


def test_a_bad_parameter_starts_nothing(notebook, tmp_path):
    with pytest.raises(UsageError, match="did you mean 'days'"):
        run_report(notebook("days = 1"), {"day": 2}, tmp_path / "out")
    assert not (tmp_path / "out").exists()
