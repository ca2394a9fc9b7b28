"""Every notebook runs from its first cell to its last, and holds no output in git."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import nbformat
import pytest
from nbmake.nb_run import NotebookRun

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("notebooks", "notebooks/reports", "workbench/cli/template/notebooks")
NOTEBOOKS = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.ipynb"))]
SECONDS = 300  # for one cell: a machine under load is slow, a notebook that hangs is not waited for


def run(path: Path) -> nbformat.NotebookNode:
    """Run a notebook in a kernel of its own and return it with its outputs."""
    result = NotebookRun(path, default_timeout=SECONDS).execute()
    if result.error is not None:
        pytest.fail(f"{path.name}, cell {result.error.failing_cell_index}:\n{result.error.trace}")
    return result.nb


class _Notebook:
    """What holds for each of them; the classes below are one per notebook.

    A class is what xdist's ``loadscope`` hands out whole, so that notebooks spread over workers.
    """

    path: ClassVar[Path]

    def test_it_runs(self, tmp_path, monkeypatch):
        monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
        beside = sorted(self.path.parent.iterdir())
        done = run(self.path)
        cells = [cell for cell in done.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in cells)
        assert any(cell.outputs for cell in cells)
        assert sorted(self.path.parent.iterdir()) == beside, "it wrote into its own folder"

    def test_it_holds_no_output(self):
        notebook = nbformat.read(self.path, 4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                assert not cell.outputs, cell.id
                assert cell.execution_count is None, cell.id
        assert notebook.metadata.kernelspec.name == "python3"
        assert set(notebook.metadata) <= {"kernelspec", "language_info"}

    def test_its_cells_have_names_of_their_own(self):
        notebook = nbformat.read(self.path, 4)
        nbformat.validate(notebook)
        names = [cell.id for cell in notebook.cells]
        assert len(set(names)) == len(names)


for found in NOTEBOOKS:
    title = "".join(part.title() for part in found.stem.split("_"))
    globals()[f"Test{title}"] = type(f"Test{title}", (_Notebook,), {"path": found})


def test_the_stories_are_all_there():
    stories = [path.stem for path in NOTEBOOKS if path.parent == ROOT / "notebooks"]
    assert stories == [
        *("01_data", "02_indicators", "03_strategy", "04_backtest", "05_replay"),
        "06_overfitting",
    ]


def test_each_story_leads_to_one_that_is_there():
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type != "markdown":
                continue
            for link in (part.split(")")[0] for part in cell.source.split("](")[1:]):
                if "://" not in link:
                    assert (path.parent / link).is_file(), f"{path.name} leads to {link}"


@pytest.mark.parametrize("source", ["1 / 0", "import workbench as wb\nwb.bars('NOSUCH')"])
def test_a_broken_cell_is_found(tmp_path, source, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbformat.write(broken, tmp_path / "broken.ipynb")
    with pytest.raises(pytest.fail.Exception, match=r"broken.ipynb, cell 0"):
        run(tmp_path / "broken.ipynb")
