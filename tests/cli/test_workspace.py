import json


def test_init_makes_a_workspace_that_works(workbench, tmp_path):
    said = workbench("init", "mine")
    mine = tmp_path / "mine"
    for name in ("workbench.toml", "strategies/pullback.py", "dashboards/pullback.py"):
        assert (mine / name).is_file()
        assert name in said
    notebook = json.loads((mine / "notebooks" / "first_steps.ipynb").read_text())
    assert notebook["nbformat"] == 4
    said = workbench(
        "backtest", mine / "strategies/pullback.py:Pullback", "MSFT", WORKBENCH_HOME=str(mine)
    )
    assert "sharpe" in said
    assert "Pullback(" in said


def test_init_overwrites_nothing(workbench, tmp_path):
    (tmp_path / "mine" / "strategies").mkdir(parents=True)
    own = tmp_path / "mine" / "strategies" / "pullback.py"
    own.write_text("# mine\n")
    assert "kept as it was" in workbench("init", "mine")
    assert own.read_text() == "# mine\n"


def test_init_into_a_file_is_refused(workbench, tmp_path):
    (tmp_path / "file").write_text("")
    assert "is a file; name a folder" in workbench("init", "file", code=2)


def test_settings_are_shown_without_secrets(workbench, tmp_path):
    said = workbench("settings", WORKBENCH_SECRET_KEY="hush", WORKBENCH_PORT="9001")
    assert str(tmp_path) in said
    assert "9001" in said
    assert "hush" not in said


def test_the_sample_strategy_is_sound(workbench, tmp_path):
    workbench("init", "mine")
    said = workbench("check", tmp_path / "mine/strategies/pullback.py:Pullback", "MSFT")
    assert "ok" in said
