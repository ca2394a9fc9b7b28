"""A disk that is really full, while results are saved and a sweep runs: a small tmpfs."""

import errno
import os
import shutil
import subprocess

import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.errors import DataError
from workbench.research import finished
from workbench.research.sweep import sweep

GRID = {"fast": range(5, 45), "slow": range(50, 100)}


class Disk:
    """Four MiB, which can be filled to the last byte and made room on again."""

    def __init__(self, path):
        self.path, self.ballast = path, path / "ballast"

    def fill(self, left=0):
        with self.ballast.open("ab", buffering=0) as file, pytest.raises(OSError) as refused:
            while True:
                file.write(bytes(4096))
        assert refused.value.errno == errno.ENOSPC
        os.truncate(self.ballast, self.ballast.stat().st_size // 4096 * 4096 - left)

    def empty(self):
        self.ballast.unlink()

    def files(self):
        return sorted(p for p in self.path.rglob("*") if p.is_file() and p != self.ballast)


@pytest.fixture
def disk(tmp_path, monkeypatch):
    path = tmp_path / "disk"
    path.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a disk small enough to fill")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.decode().strip()}")
    monkeypatch.setenv("WORKBENCH_HOME", str(path))
    try:
        yield Disk(path)
    finally:  # lazily: the ledger's connection stays open for the next run
        subprocess.run(["umount", "-l", path], check=True)


def test_a_result_that_finds_no_room_is_told_and_is_saved_where_there_is_some(one, disk):
    first = wb.backtest(wb.strategies.SmaCross(fast=5), one)
    first.save()
    found = wb.backtest(wb.strategies.SmaCross(fast=6), one)
    before = disk.files()
    for left in (0, 4096, 24 * 1024):  # at the first file, in the midst, at a later one
        disk.fill(left)
        for result in (found, first):
            with pytest.raises(DataError, match=r"could not be saved under .*No space left"):
                result.save()
        assert disk.files() == before
        disk.empty()
    saved = wb.load_run(first.manifest.run_id)
    assert saved.fills.equals(first.fills) and saved.stats.equals(first.stats)
    found.save()
    assert wb.load_run(found.manifest.run_id).equity.equals(found.equity)


def test_a_backtest_on_a_full_disk_counts_nothing_and_says_so(one, disk):
    disk.fill()
    found = wb.backtest(wb.strategies.SmaCross(fast=5), one)
    assert any(text.startswith("not counted") for text in found.findings)
    assert found.stats["round_trips"] > 0


def test_a_sweep_during_which_the_disk_fills_loses_no_point(one, disk, monkeypatch):
    monkeypatch.setattr(finished, "_BATCH_SECONDS", 0.0)

    def listen(done, _):
        if done > 500 and not disk.ballast.exists():
            disk.fill()

    found = sweep(wb.strategies.SmaCross, one, checkpoint=True, progress=listen, **GRID)
    assert len(found) == 2000
    said = [text for text in found.findings if text.startswith(("not kept: ", "not counted: "))]
    assert len(said) == 2 and any("make room" in text for text in said)
    with pytest.raises(DataError, match=r"could not be saved under .*No space left"):
        found.save()
    disk.empty()
    assert found.save().is_dir()
    again = sweep(wb.strategies.SmaCross, one, resume=found.run_id, progress=False, **GRID)
    assert_frame_equal(again.stats, found.stats)


def test_an_interrupt_while_the_disk_is_full_returns_what_is_finished(one, disk, monkeypatch):
    monkeypatch.setattr(finished, "_BATCH_SECONDS", 0.0)

    def listen(done, _):
        if disk.ballast.exists():
            raise KeyboardInterrupt
        if done > 0:
            disk.fill()

    more = {"fast": range(5, 65), "slow": range(50, 150)}
    found = sweep(wb.strategies.SmaCross, one, checkpoint=True, progress=listen, **more)
    assert 0 < len(found) < 6000
    [told] = [text for text in found.findings if text.startswith("interrupted: ")]
    assert "goes on" not in told  # not all of them are kept: that is not promised
    assert any(text.startswith("not kept: ") for text in found.findings)
    whole = sweep(wb.strategies.SmaCross, one, record=False, progress=False, **more)
    assert_frame_equal(found.stats, whole.stats.loc[found.stats.index])
