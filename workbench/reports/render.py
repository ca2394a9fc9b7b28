"""From an executed notebook to a page that reads like a report."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from nbconvert import HTMLExporter
from nbconvert.preprocessors import TagRemovePreprocessor
from traitlets.config import Config

from workbench.plots.theme import DARK, LIGHT

__all__ = ["Facts", "render"]

# whatever the exporter would fetch from elsewhere, it must not
_ADDRESSES = (
    "mathjax_url",
    "require_js_url",
    "jquery_url",
    "mermaid_js_url",
    "jupyter_widgets_base_url",
    "widget_renderer_url",
)


@dataclass(frozen=True)
class Facts:
    """What stands at the foot of a report.

    Parameters
    ----------
    run_id, notebook : str
        The report's name, and the file it was made from.
    parameters : mapping
        As it ran.
    started : datetime
        UTC.
    seconds : float
        How long it took.
    failure : str
        What went wrong; empty for a report that is whole.
    """

    run_id: str
    notebook: str
    parameters: Mapping[str, Any]
    started: datetime
    seconds: float
    failure: str = ""


def render(notebook: str | Path, page: str | Path, facts: Facts) -> Path:
    """Write an executed notebook as one HTML file without inputs and without any request.

    Parameters
    ----------
    notebook : str or Path
        As papermill left it. Cells tagged ``remove_cell`` are left out, and so is what the
        cell tagged ``parameters`` and the one papermill injected would show.
    page : str or Path
        The HTML file; an older one is replaced whole.
    facts : Facts
        For heading and foot.

    Returns
    -------
    Path
        The page.
    """
    reads: Any = nbformat.reads
    content: Any = reads(Path(notebook).read_text(encoding="utf-8"), as_version=4)
    content.cells = [cell for cell in content.cells if not _is_banner(cell)]
    body, _ = _exporter().from_notebook_node(content)
    text = _template().render(
        body=body,
        title=_title(content, facts),
        facts=facts,
        css=_read("report.css"),
        light=LIGHT,
        dark=DARK,
    )
    target = Path(page)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(target)
    return target


def _exporter() -> Any:
    settings = Config()
    settings.TagRemovePreprocessor.enabled = True
    settings.TagRemovePreprocessor.remove_cell_tags = {
        "remove_cell",
        "parameters",
        "injected-parameters",
    }
    settings.TagRemovePreprocessor.remove_all_outputs_tags = {"hide_output"}
    settings.TagRemovePreprocessor.remove_input_tags = {"hide_input"}
    settings.HTMLExporter.preprocessors = [TagRemovePreprocessor]
    exporter: Any = HTMLExporter
    return exporter(
        config=settings,
        template_name="basic",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        embed_images=True,
        **dict.fromkeys(_ADDRESSES, ""),
    )


def _is_banner(cell: Any) -> bool:
    """Tell whether papermill put the cell in to say that another one failed."""
    return "papermill-error-cell-tag" in cell.metadata.get("tags", ())


def _title(content: Any, facts: Facts) -> str:
    for cell in content.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("# "):
                    return str(line.removeprefix("# ").strip())
    return Path(facts.notebook).stem.replace("_", " ")


@cache
def _template() -> jinja2.Template:
    surroundings = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return surroundings.from_string(_read("report.html"))


def _read(name: str) -> str:
    return files("workbench.reports").joinpath("templates", name).read_text(encoding="utf-8")
