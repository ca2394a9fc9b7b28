import json
import re
from datetime import UTC, datetime

import pytest

from workbench.reports.render import Facts, render

FACTS = Facts("r1", "x.ipynb", {"days": 5}, datetime(2024, 5, 6, 7, 8, tzinfo=UTC), 1.25)
PIXEL = "iVBORw0KGgo="


@pytest.fixture
def page(tmp_path):
    def cell(text, *tags, **data):
        output = {"output_type": "display_data", "metadata": {}, "data": data}
        return {
            "cell_type": "code",
            "metadata": {"tags": list(tags)},
            "source": text,
            "outputs": [output] if data else [],
            "execution_count": 1,
            "id": "c-" + text.strip("()").replace("_", "-"),
        }

    content = {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": "# Title $x^2$", "id": "m"},
            cell("secret_code()", **{"text/html": "<b>shown</b>"}),
            cell("plot()", **{"image/png": PIXEL}),
            cell("gone()", "remove_cell", **{"text/html": "<b>removed</b>"}),
            cell("quiet()", "hide_output", **{"text/html": "<b>hidden</b>"}),
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    source = tmp_path / "x.ipynb"
    source.write_text(json.dumps(content), encoding="utf-8")

    def rendered(facts=FACTS):
        return render(source, tmp_path / "x.html", facts).read_text(encoding="utf-8")

    return rendered


def test_it_shows_what_came_out_and_not_how(page):
    text = page()
    assert "<b>shown</b>" in text
    for word in ("secret_code()", "plot()", "gone()", "removed", "hidden", "In [", "Out["):
        assert word not in text
    assert f"data:image/png;base64,{PIXEL}" in text
    assert "days = 5" in text
    assert "2024-05-06 07:08 UTC, run r1" in text


def test_it_asks_for_nothing(page):
    text = page()
    assert "http" not in re.sub(r"http://www\.w3\.org/\S+", "", text)
    assert not re.search(r"<(script|link)[^>]+(src|href)=\"(?!data:)", text)


def test_a_failure_is_said_at_the_top(page):
    facts = Facts("r1", "x.ipynb", {}, FACTS.started, 1.0, failure="cell 3 <b>broke</b>")
    text = page(facts)
    assert "<title>FAILED: Title" in text
    assert "cell 3 &lt;b&gt;broke&lt;/b&gt;" in text
    assert text.index("FAILED</b>") < text.index("shown")
