import workbench as wb


def test_help_is_worth_reading(workbench):
    said = workbench("--help")
    for word in ("demo", "doctor", "init", "backtest", "check", "data", "serve", "Start here"):
        assert word in said
    assert "Traceback" not in said


def test_version(workbench):
    assert workbench("--version").strip() == f"workbench {wb.__version__}"


def test_an_error_of_the_tree_is_a_sentence(workbench):
    said = workbench("backtest", "SmaCros", "AAPL", code=2)
    assert "UsageError" in said
    assert "did you mean 'SmaCross'" in said
    assert "Traceback" not in said


def test_an_unknown_setting_is_told_by_every_command(workbench, tmp_path):
    (tmp_path / "workbench.toml").write_text("prot = 1\n")
    assert "did you mean 'port'" in workbench("data", "list", code=2)
