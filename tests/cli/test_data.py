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


def test_an_unknown_symbol_is_told(workbench):
    assert "did you mean 'AAPL'" in workbench("data", "fetch", "APPL", code=2)
