import ast
import subprocess
import sys
from pathlib import Path

import pytest

import workbench as wb

HEAVY = [
    "pandas",
    "numba",
    "panel",
    "vectorbt",
    "sqlalchemy",
    "talib",
    "bokeh",
    "pydantic",
    "numpy",
]


def test_the_import_pulls_in_no_heavy_package():
    code = f"import sys, workbench; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [n for n in wb.__all__ if n != "__version__"])
def test_every_public_name_resolves_and_is_documented(name):
    assert getattr(wb, name).__doc__


def test_what_an_editor_sees_is_what_there_is():
    tree = ast.parse(Path(wb.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname or alias.name for node in block.body for alias in node.names}
    assert seen == set(wb._FACE) == set(wb.__all__) - {"__version__"}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = wb.nonsense


def test_vectorbt_is_imported_only_when_asked_for():
    names = [n for n in wb.__all__ if n != "__version__"]
    code = (
        f"import sys, workbench\nfor n in {names!r}: getattr(workbench, n)\n"
        "print([m for m in ('vectorbt', 'panel', 'sqlalchemy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "vectorbt" not in out.stdout
