"""What docs/execution.md shows runs as it stands there, and its picture is not missing."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_examples_run_in_order():
    page = (DOCS / "execution.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names = {}
    for block in blocks:
        if "…" in block:  # a sketch that needs an account
            continue
        exec(compile(block, "execution.md", "exec"), names)
    assert names["report"].summary["fill_rate"] == 1
    assert [(leg.venue, leg.quantity) for leg in names["split"].legs] == [("a", 2), ("b", 8)]


def test_each_algorithm_is_in_the_table():
    from workbench.trading.execution.decide import ALGORITHMS

    page = (DOCS / "execution.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)`", page, flags=re.MULTILINE))
    assert named == {kind.__name__ for kind in ALGORITHMS} - {"Routed"}
    assert (DOCS / "images" / "execution.png").is_file()
