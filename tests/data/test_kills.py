"""A process that is killed at a random instant leaves a catalog that keeps its word."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from workbench.core.clock import EventClock
from workbench.data import coverage
from workbench.data.catalog import Catalog
from workbench.data.schema import fingerprint

_SCRIPT = Path(__file__).with_name("fetch_and_die.py")
_SPEC = importlib.util.spec_from_file_location("fetch_and_die", _SCRIPT)
script = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)

KILLS = 20
SOAK = 200

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no SIGKILL here")


def killed(folder, seed, delay):
    """Run the script, kill it `delay` seconds after it began its work, return what it told."""
    process = subprocess.Popen(
        [sys.executable, str(_SCRIPT), str(folder), str(seed)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(delay)
    process.kill()
    told = [line.split() for line in process.stdout.read().splitlines(keepends=True) if line[-1:]]
    process.wait()
    process.stdout.close()
    return told


def check(folder, told, vendor):
    """Hold a catalog to what it told and claims; return how much it claims."""
    with closing(Catalog(folder, EventClock(script.NOW))) as catalog:
        return _check(catalog, told, vendor)


def _check(catalog, told, vendor):
    assert set(catalog.entries()["state"]) <= {"ok"}
    found = catalog.read("vendor", script.MINUTE, "A")
    covered = found[1].covered if found is not None else ()
    for step in (int(line[1]) for line in told if line[0] == "fetched" and len(line) == 2):
        low, high = script.window(step)
        assert coverage.gaps(covered, coverage.span(low, high)) == []
    for low, high in covered:
        want = vendor.bars.loc[low:high]
        want = want[want.index < high]
        assert fingerprint(found[0].loc[want.index]) == fingerprint(want)
    assert found is None or len(found[0]) == sum(
        len(vendor.bars[(vendor.bars.index >= low) & (vendor.bars.index < high)])
        for low, high in covered
    )
    appended = [int(line[1]) for line in told if line[0] == "appended" and len(line) == 2]
    if appended:
        live = catalog.read("feed", script.MINUTE, "A")[0]
        want = vendor.bars.iloc[: 5 * (max(appended) + 1)]
        assert fingerprint(live.loc[want.index]) == fingerprint(want)
    vendor.asked.clear()
    whole = (script.FIRST, vendor.bars.index[-1] + script.MINUTE.delta)
    missing = coverage.gaps(covered, coverage.span(*whole))
    assert fingerprint(catalog.fetch(vendor, "A", script.MINUTE, *whole)) == fingerprint(
        vendor.bars
    )
    assert [coverage.span(*asked) for asked in vendor.asked] == missing
    revisions = [catalog.history(name, script.MINUTE, "A")[1] for name in ("vendor", "feed")]
    assert [len(gone) for gone in revisions] == [0, 0]
    return len(vendor.bars) - sum(
        len(vendor.bars.loc[low:high]) - (high in vendor.bars.index) for low, high in missing
    )


def rounds(tmp_path, count):
    vendor, draw = script.Vendor(), np.random.default_rng()
    claims = []
    for seed in range(count):
        folder = tmp_path / str(seed)
        told = killed(folder, seed, draw.uniform(0, 1.2))
        claims.append(check(folder, told, vendor))
    return vendor, claims


def test_killed_at_random_it_claims_only_what_it_has_and_fetches_only_what_is_missing(tmp_path):
    vendor, claims = rounds(tmp_path, KILLS)
    assert any(0 < claim < len(vendor.bars) for claim in claims)  # they were killed at work


@pytest.mark.soak
def test_killed_two_hundred_times(tmp_path):
    rounds(tmp_path, SOAK)


def test_several_processes_at_once_lose_nothing(tmp_path):
    workers = [
        subprocess.Popen([sys.executable, str(_SCRIPT), str(tmp_path), str(seed)])
        for seed in range(3)
    ]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    catalog, vendor = Catalog(tmp_path, EventClock(script.NOW)), script.Vendor()
    found, told = catalog.read("vendor", script.MINUTE, "A")
    assert fingerprint(found) == fingerprint(vendor.bars)
    assert len(told.covered) == 1
    live, _ = catalog.read("feed", script.MINUTE, "A")
    assert fingerprint(live) == fingerprint(vendor.bars.iloc[: 5 * script.STEPS])
    assert len(catalog.history("vendor", script.MINUTE, "A")[1]) == 0
    catalog.compact()
    assert fingerprint(catalog.read("feed", script.MINUTE, "A")[0]) == fingerprint(live)
    catalog.close()
