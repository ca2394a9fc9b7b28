"""One limit for all who use a key."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

from workbench.errors import UnavailableError
from workbench.testing.wire import Reply, WireServer
from workbench.venues.limits import Limiter, shared_limiter
from workbench.venues.paging import Limit

_CLIENT = """
import sys
from pathlib import Path
from urllib.request import urlopen
from workbench.venues.limits import Limiter
from workbench.venues.paging import Limit

limiter = Limiter(Path(sys.argv[1]), "vendor key", Limit(10, 1.0))
for _ in range(int(sys.argv[3])):
    limiter.take()
    urlopen(sys.argv[2]).read()
"""


def most_in_a_window(times, seconds):
    return max(sum(1 for other in times if t <= other < t + seconds) for t in times)


def test_processes_together_stay_under_the_limit(tmp_path):
    with WireServer(lambda asked: Reply({})) as server:
        command = [sys.executable, "-c", _CLIENT, str(tmp_path), server.url, "9"]
        running = [subprocess.Popen(command) for _ in range(3)]
        assert [process.wait(60) for process in running] == [0, 0, 0]
        times = [asked.at for asked in server.asked]
    assert len(times) == 27
    # A busy machine may bring a request late, beside those of the next window, by half of one.
    assert most_in_a_window(times, 0.5) <= 10
    assert max(times) - min(times) > 1.5  # without a common limit they come within one second


def test_threads_and_tasks_share_it_too(tmp_path):
    limiter = Limiter(tmp_path, "vendor key", Limit(5, 0.5))

    async def all_at_once():
        async def one():
            await limiter.take_async()
            return time.time()

        return await asyncio.gather(*(one() for _ in range(12)))

    times = asyncio.run(all_at_once())
    assert most_in_a_window(times, 0.5) <= 5
    limiter.close()


def test_a_pause_holds_for_another_process(tmp_path):
    Limiter(tmp_path, "vendor key", Limit(10, 1.0)).pause(0.7)
    code = _CLIENT.replace("urlopen(sys.argv[2]).read()", "pass")
    began = time.time()
    subprocess.run([sys.executable, "-c", code, str(tmp_path), "", "1"], check=True)
    assert time.time() - began >= 0.7


def test_a_shorter_pause_does_not_end_a_longer_one(tmp_path):
    limiter = Limiter(tmp_path, "vendor key", Limit(10, 1.0))
    limiter.pause(60)
    limiter.pause(1)
    assert limiter.wait_for_turn() > 50


def test_weights_count(tmp_path):
    limiter = Limiter(tmp_path, "vendor key", Limit(10, 60))
    limiter.take(4)
    limiter.take(5.5)
    assert limiter.wait_for_turn(0.5) == 0
    assert limiter.wait_for_turn(0.6) > 50
    with pytest.raises(UnavailableError, match="next turn in") as caught:
        limiter.take(1, timeout=0.1)
    assert caught.value.retry_after > 50
    assert limiter.wait_for_turn(0.5) == 0, "a turn that was not given costs nothing"


def test_more_than_the_limit_takes_all_of_it(tmp_path):
    limiter = Limiter(tmp_path, "vendor key", Limit(3, 60))
    limiter.take(100)
    assert limiter.wait_for_turn(0.1) > 50


def test_keys_have_limits_of_their_own_and_are_not_written_down(tmp_path):
    one, two = (shared_limiter(tmp_path, "vendor", key, Limit(1, 60)) for key in ("k-one", "k-two"))
    assert one is shared_limiter(tmp_path, "vendor", "k-one", Limit(1, 60))
    one.take()
    assert one.wait_for_turn() > 50
    assert two.wait_for_turn() == 0
    for path in tmp_path.iterdir():
        assert b"k-one" not in path.read_bytes()


def test_a_folder_that_cannot_be_used_limits_this_process_and_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    limiter = Limiter(tmp_path / "file", "vendor key", Limit(2, 60))
    with pytest.warns(UserWarning, match="holds for this process alone"):
        limiter.take()
    limiter.take()
    assert limiter.wait_for_turn() > 50


def test_a_part_of_the_limit_is_kept_for_what_is_urgent(tmp_path):
    limiter = Limiter(tmp_path, "v", Limit(10, 60))
    for _ in range(6):
        limiter.take(share=0.6, timeout=0)
    with pytest.raises(UnavailableError) as caught:
        limiter.take(share=0.6, timeout=0)
    assert caught.value.wait > 50
    for _ in range(2):
        limiter.take(share=0.8, timeout=0)
    with pytest.raises(UnavailableError):
        limiter.take(share=0.8, timeout=0)
    limiter.take(timeout=0)
    limiter.take(timeout=0)
    with pytest.raises(UnavailableError):
        limiter.take(timeout=0)
    limiter.close()
