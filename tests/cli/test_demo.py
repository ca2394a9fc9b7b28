import re


def test_the_main_job(workbench, tmp_path):
    said = workbench("demo", timeout=600)
    assert "nothing grave found" in said
    assert re.search(r"best of 3,810: SmaCross\(fast=\d+, slow=\d+\)", said)
    assert "deflated Sharpe ratio" in said
    for frame in ("orders", "fills"):
        one, other, different = re.search(rf"{frame} +(\d+) +(\d+) +(\d+)", said).groups()
        assert int(one) == int(other) > 0 == int(different)
    (folder,) = (tmp_path / "data" / "reports").iterdir()
    for name in ("tearsheet.html", "heatmap.html", "daily_review.html"):
        page = (folder / name).read_text(encoding="utf-8")
        assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?https?:", page), name
        assert name in said
    assert f'wb.load_run("{folder.name}")' in said
    assert folder.name in workbench("runs", "list")
