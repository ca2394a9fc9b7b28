"""The pictures of docs/fills.md are what the engine does today."""

import importlib.util
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from workbench.backtest.agreement import check

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("draw_fills", ROOT / "docs" / "draw_fills.py")
draw = importlib.util.module_from_spec(spec)
sys.modules["draw_fills"] = draw  # where its dataclasses look for their module
spec.loader.exec_module(draw)


@pytest.mark.parametrize("name", draw.SCENES)
def test_a_picture_is_that_of_the_run(name):
    picture = (draw.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert picture == draw.drawn(draw.SCENES[name]), "run python docs/draw_fills.py"
    ElementTree.fromstring(picture)


@pytest.mark.parametrize("name", draw.SCENES)
def test_the_reference_agrees_with_the_scene(name):
    result = draw.SCENES[name].run()
    assert len(result.fills)
    assert check(result._run).verdict == "agrees"


def test_the_page_shows_every_picture_once():
    page = (ROOT / "docs" / "fills.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"images/fills/([\w-]+)\.svg", page)) == sorted(draw.SCENES)


def told(name):
    return draw.told(draw.SCENES[name].run())


def test_the_scenes_show_what_their_titles_say():
    assert told("gap")[1] == "bar 2: sell 10 A at 90 (stop)"
    assert told("entry-bar")[1] == "bar 1: sell 10 A at 95 (stop)"
    assert told("exit-first")[1] == "bar 2: sell 10 A at 98 (market)"
    assert told("trail")[1] == "bar 3: sell 10 A at 106 (trailing stop)"
    assert told("both")[1:] == [
        "bar 2: sell 10 A at 95 (stop)",
        "equity at the end: 950.00, at best 1,050.00",
    ]
    assert told("limit") == ["bar 2: buy 10.2 A at 98 (limit)"]
    assert [line.split(" A")[0] for line in told("cap")] == [
        "bar 1: buy 4",
        "bar 2: buy 3",
        "bar 3: buy 3",
    ]
    assert len(told("lot")) == 1
    assert told("interest")[2:] == [
        "bar 2: interest on margin -8.22",
        "bar 2: borrow fee -4.11",
        "bar 3: interest on margin -24.66",
        "bar 3: borrow fee -12.33",
    ]
    assert [line for line in told("funding") if "funding" in line] == [
        "bar 2: funding -0.50",
        "bar 3: funding -1.00",
    ]
    assert told("dividend")[1:3] == ["bar 2: dividend +40.00", "bar 3: a split, 2 for 1"]
    assert told("margin")[1] == "bar 2: sell 20 A at 71.4286 (liquidation)"
