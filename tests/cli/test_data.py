def test_an_empty_catalog_says_what_to_do(workbench):
    assert "workbench data fetch" in workbench("data", "list")


def test_fetch_list_and_quality(workbench):
    said = workbench("data", "fetch", "AAPL", "IBM", "--start", "2012-01-01")
    assert "AAPL" in said
    assert "sample" in said
    listed = workbench("data", "list")
    assert "AAPL" in listed
    assert "1d" in listed
    assert "nothing grave" in workbench("data", "quality", "AAPL", "IBM")


def test_a_plan_is_told_and_nothing_fetched_where_nobody_can_answer(workbench):
    asked = ("AAPL", "--timeframe", "1m", "--start", "2020-01-01", "--end", "2024-01-01")
    said = workbench(
        "data", "fetch", *asked, "--source", "polygon", "--plan", WORKBENCH_POLYGON_KEY="key"
    )
    assert "AAPL 1m from polygon: up to" in said
    assert "min at 5 a minute" in said
    assert "Nothing was fetched" in said
    assert "workbench data fetch" in workbench("data", "list")
    said = workbench("data", "fetch", "AAPL", "--plan")  # costs nothing
    assert "nothing to request" in said
    assert "AAPL" in workbench("data", "list")


def test_quality_of_a_part_is_that_of_its_bars(workbench):
    window = ("--start", "2012-01-01", "--end", "2013-01-01")
    said = workbench("data", "quality", "AAPL", *window)
    assert "250" in said
    assert "2012-12-31" in said


def test_an_unknown_symbol_is_told(workbench):
    assert "did you mean 'AAPL'" in workbench("data", "fetch", "APPL", code=2)


def test_actions_are_added_and_shown(workbench, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("symbol,date,kind,value,former\nIBM,2010-03-01,split,2,\n")
    assert "1 actions recorded" in workbench("data", "actions", "--add", str(path))
    said = workbench("data", "actions", "IBM")
    assert "2010-03-01" in said
    assert "workspace" in said
    assert "dividend" in said


def test_diff_and_compact_tell_what_changed(workbench, tmp_path):
    from workbench.data.catalog import Catalog

    workbench("data", "fetch", "AAPL")
    assert "no bar was restated" in workbench("data", "diff")
    assert "No live bar was waiting" in workbench("data", "compact")
    catalog = Catalog(tmp_path / "data" / "bars")
    bars, _ = catalog.read("sample", "1d", "AAPL")
    changed = bars.iloc[[5]].assign(volume=7.0)
    changed.attrs["timeframe"] = "1d"
    catalog.live.append("sample", "AAPL", changed, 2_000_000_000_000_000)
    catalog.close()
    assert "AAPL" in workbench("data", "compact")
    told = workbench("data", "diff", "AAPL", code=1)
    assert "1 bar was restated (AAPL)" in told
    assert "volume" in told
