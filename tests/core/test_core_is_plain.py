import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CODE = """
import importlib, pkgutil, sys
import workbench.core as core
for module in pkgutil.iter_modules(core.__path__):
    importlib.import_module(f"workbench.core.{module.name}")
roots = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(sorted(root for root in roots if not root.startswith("_")))
"""


def test_core_imports_the_standard_library_only():
    command = [sys.executable, "-S", "-c", CODE]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "['workbench']"
