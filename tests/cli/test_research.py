def test_strategies_are_listed_with_their_parameters(workbench):
    said = workbench("strategies")
    for word in ("SmaCross", "Momentum", "Pairs", "fast = 10"):
        assert word in said


def test_a_backtest_prints_statistics_and_writes_a_tear_sheet(workbench, tmp_path):
    said = workbench(
        "backtest", "SmaCross", "AAPL", "-p", "fast=20", "--tearsheet", "out/sheet.html"
    )
    assert "SmaCross(fast=20, slow=50)" in said
    for name in ("sharpe", "max_drawdown", "end_equity"):
        assert name in said
    assert "<h1>" in (tmp_path / "out" / "sheet.html").read_text(encoding="utf-8")


def test_a_backtest_takes_a_window_costs_and_keeps_the_run(workbench):
    options = ["--start", "2010", "--end", "2012", "--cash", "5000", "--slippage-bps", "2"]
    said = workbench("backtest", "SmaCross", "AAPL", "IBM", *options, "--save")
    assert "2010-01-04" in said
    assert "wb.load_run(" in said
    assert "SmaCross" in workbench("runs", "list")


def test_wrong_parameters_are_told(workbench):
    assert "name=value" in workbench("backtest", "SmaCross", "AAPL", "-p", "fast", code=2)
    assert "did you mean 'fast'" in workbench("backtest", "SmaCross", "AAPL", "-p", "fst=3", code=2)
    assert "fast" in workbench("backtest", "SmaCross", "AAPL", "-p", "fast=ten", code=2)


def test_check_ends_with_its_verdict(workbench, tmp_path):
    assert "leaks" in workbench("check", "SmaCross", "AAPL")
    (tmp_path / "leaky.py").write_text(
        "import workbench as wb\n\n\nclass Leaky(wb.Strategy):\n"
        "    def targets(self, bars):\n"
        "        return (bars['close'].shift(-1) > bars['close']).astype(float)\n"
    )
    assert "leak" in workbench("check", "leaky.py:Leaky", "AAPL", code=1)
