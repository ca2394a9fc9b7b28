import workbench as wb


def test_no_run_says_how_to_keep_one(workbench):
    assert "result.save()" in workbench("runs", "list")


def test_a_saved_run_is_listed_and_shown(workbench, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    result = wb.backtest(wb.strategies.SmaCross(), wb.bars("IBM", start="2010"))
    result.save()
    assert result.manifest.run_id in workbench("runs", "list")
    said = workbench("runs", "show", result.manifest.run_id)
    assert "sharpe" in said
    assert result.manifest.data.fingerprint[:12] in said


def test_an_unknown_run_is_told(workbench):
    assert "no such run" in workbench("runs", "show", "backtest-nothing", code=2)
