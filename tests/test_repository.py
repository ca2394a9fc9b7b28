"""The rules of the house that no linter holds."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FLOORS = sorted(p.name for p in (ROOT / "workbench").iterdir() if (p / "__init__.py").is_file())
LOCKS = ("requirements.lock", "requirements-test.lock")


def tracked(*patterns):
    command = ["git", "ls-files", "--", *patterns]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if out.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in out.stdout.splitlines()]


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(*extras):
    texts = list(PROJECT["dependencies"])
    for extra in extras:
        texts += PROJECT["optional-dependencies"][extra]
    return {canonical(r.name): r for r in map(Requirement, texts)}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_carries_hashes_and_no_address(lock):
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|index-url|find-links", text)
    blocks = re.split(r"\n(?=[a-z0-9])", text, flags=re.IGNORECASE)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        (LOCKS[0], ("vectorbt", "venues", "learn", "portfolio", "search")),
        (LOCKS[1], tuple(PROJECT["optional-dependencies"])),
    ],
)
def test_a_lock_satisfies_the_project(lock, extras):
    pins = {}
    for line in (ROOT / lock).read_text().splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            pin = Requirement(line.rstrip(" \\"))
            pins.setdefault(canonical(pin.name), []).append(str(pin.specifier).lstrip("="))
    for name, requirement in requirements(*extras).items():
        assert name in pins, f"{name} is not locked"
        for version in pins[name]:
            assert requirement.specifier.contains(version), f"{name}=={version}"


def test_conda_users_get_the_same_environment():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    wanted = requirements("test")
    wanted["python"] = Requirement(f"python{PROJECT['requires-python']}")
    for text in (t for t in conda if isinstance(t, str) and t != "pip"):
        requirement = Requirement(text)
        assert requirement.specifier == wanted[canonical(requirement.name)].specifier, text
    (pip,) = (t["pip"] for t in conda if isinstance(t, dict))
    extras = re.fullmatch(r"-e \.\[(.*)\]", pip[0])[1].split(",")
    assert set(extras) == set(PROJECT["optional-dependencies"])


def test_the_import_contracts_hold():
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed")
    command = [linter, "--no-cache"]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stdout


@pytest.mark.parametrize("floor", FLOORS)
def test_the_tests_mirror_the_package(floor):
    assert list((ROOT / "tests" / floor).glob("test_*.py")), f"tests/{floor} is empty"


def test_files_stay_small_and_well_named():
    for path in (ROOT / "workbench").rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path
        assert not {"utils", "helpers", "common", "misc"} & {path.stem, *path.parts}, path


def test_notebooks_carry_no_output():
    for path in tracked("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            assert not cell.get("outputs") and not cell.get("execution_count"), path


def test_no_address_of_a_package_index_is_committed():
    hosts = re.compile(r"pypi\.org|pythonhosted|npmjs|/root/|/home/\w")
    for path in tracked(
        "*.py", "*.toml", "*.lock", "*.yml", "*.md", "*.ipynb", "*.json", "Makefile"
    ):
        if path.is_file() and path.name != Path(__file__).name:
            assert not hosts.search(path.read_text(errors="replace")), path


def test_the_first_strategy_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    text = (ROOT / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert "NOT OK" not in capsys.readouterr().out
    assert (tmp_path / "dip.html").stat().st_size > 100_000
    assert len(names["result"].fills) > 10


def test_what_the_documents_point_to_is_there():
    for document in tracked("*.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
