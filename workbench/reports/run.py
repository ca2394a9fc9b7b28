"""Runs a notebook with parameters in a process of its own, and renders what came out."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.config import find_workspace, load_settings
from workbench.core.clock import WallClock
from workbench.core.ids import run_id as make_id
from workbench.errors import UnavailableError, UsageError
from workbench.reports import child
from workbench.reports.parameters import checked, declared
from workbench.reports.render import Facts, render

__all__ = ["Report", "run_report"]

# No variable of ours passes but the workspace's place: keys and passwords stay outside.
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "XDG_CACHE_HOME", "SYSTEMROOT", "WORKBENCH_HOME")
_RUN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$")


@dataclass(frozen=True)
class Report:
    """A report that was made.

    Parameters
    ----------
    run_id : str
        Names its folder.
    html, notebook : Path
        What to read, and the notebook as it was run.
    parameters : dict
        As the notebook got them, defaults included.
    seconds : float
        How long it took.
    """

    run_id: str
    html: Path
    notebook: Path
    parameters: dict[str, Any]
    seconds: float


def run_report(
    notebook: str | Path,
    parameters: Mapping[str, Any] | None = None,
    out_dir: str | Path | None = None,
    *,
    run_id: str | None = None,
    timeout: float = 600.0,
) -> Report:
    """Run a notebook and render it as one HTML file that needs no network.

    The notebook runs in a process with its own, nearly empty environment, so that no
    ``WORKBENCH_…`` secret and no key of a venue reaches it by that way.

    Parameters
    ----------
    notebook : str or Path
        A notebook whose cell tagged ``parameters`` assigns the defaults.
    parameters : mapping, optional
        Values for names of that cell; see `workbench.reports.parameters.checked`.
    out_dir : str or Path, optional
        The folder of all reports, by default the workspace's ``data/reports``. This one goes to
        ``<out_dir>/<run_id>/<name of the notebook>.html`` with the executed ``.ipynb`` beside it.
    run_id : str, optional
        The name of the report's folder; made from notebook, parameters and time by default.
    timeout : float
        Seconds for the whole report.

    Raises
    ------
    UsageError
        An undeclared or malformed parameter; a failing cell, which the error names. What ran
        is kept: ``cell error html notebook`` are fields of the error, and the HTML says FAILED.
    UnavailableError
        The time ran out; what ran is kept in the same way.
    """
    source = Path(notebook).resolve()
    known = declared(source)
    chosen = checked(parameters or {}, known)
    started = WallClock().now()
    content = json.dumps([source.name, chosen], sort_keys=True)
    name = run_id or make_id("report", content, started)
    if not _RUN.match(name):
        raise UsageError(f"{name!r} is no name of a run", run_id=name)
    root = Path(out_dir) if out_dir else load_settings().folder("reports")
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    output, page = folder / source.name, folder / f"{source.stem}.html"
    order = {
        "notebook": str(source),
        "output": str(output),
        "folder": str(source.parent),
        "parameters": chosen,
        "cell_timeout": max(1, int(timeout)),
    }
    clock = time.monotonic()
    failure = _run(order, timeout)
    seconds = time.monotonic() - clock
    facts = Facts(name, source.name, {**known, **chosen}, started, seconds, failure.get("text", ""))
    if not failure:
        render(output, page, facts)
        return Report(name, page, output, dict(facts.parameters), seconds)
    page = folder / f"{source.stem}.FAILED.html"
    if output.is_file():
        render(output, page, facts)
    kept: dict[str, Any] = {"html": str(page), "notebook": str(output), "run_id": name}
    if failure["kind"] == "timeout":
        raise UnavailableError(f"{failure['text']}; what ran is in {folder}", **kept)
    raise UsageError(
        f"{failure['text']}; see {page}",
        cell=failure.get("cell"),
        error=failure.get("name"),
        **kept,
    )


def _run(order: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Run the child; return nothing, or what failed as ``kind`` and ``text``."""
    # short, since the path of a socket may not be long
    private = tempfile.mkdtemp(prefix="wb-")
    command = [sys.executable, "-m", child.__name__]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(private),
        cwd=order["folder"],
        text=True,
        start_new_session=True,
    )
    try:
        said, errors = process.communicate(json.dumps(order), timeout=timeout)
    except subprocess.TimeoutExpired:
        _stop(process)
        text = f"the report {Path(order['notebook']).name} took longer than {timeout:g} s"
        return {"kind": "timeout", "text": text}
    finally:
        shutil.rmtree(private, ignore_errors=True)
    if process.returncode == 0:
        return {}
    return _reason(order, process.returncode, said, errors)


def _reason(order: dict[str, Any], code: int, said: str, errors: str) -> dict[str, Any]:
    name = Path(order["notebook"]).name
    if code == child.FAILED_CELL:
        facts = json.loads(said)
        # counted from 1 in the notebook as it was, without the cell that papermill put in
        facts["cell"] += 0 if order["parameters"] else 1
        first = facts["source"].strip().splitlines()[:1]
        text = (
            f"cell {facts['cell']} of {name} failed: {facts['name']}: {facts['value']} "
            f"(it begins with {''.join(first)!r})"
        )
        return {"kind": "cell", "text": text, **facts}
    last = (errors.strip().splitlines() or ["no message"])[-1]
    return {"kind": "process", "text": f"{name} could not be run: {last}"}


def _stop(process: subprocess.Popen[str]) -> None:
    """End the child and what it started; its kernel ends itself when its parent is gone."""
    for sent, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        try:
            process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            continue
        return


def _environment(private: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _PASSED if name in os.environ}
    return {
        **kept,
        "WORKBENCH_HOME": str(find_workspace()),
        "IPYTHONDIR": private,
        "JUPYTER_CONFIG_DIR": private,
        "JUPYTER_RUNTIME_DIR": private,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHONUTF8": "1",
        "TMPDIR": tempfile.gettempdir(),
    }
