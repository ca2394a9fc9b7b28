"""A server that stops while pages are open."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.browser


@pytest.mark.skipif(os.name != "posix", reason="stops it as Ctrl-C does")
def test_a_stop_with_open_pages_leaves_no_traceback(chromium, tmp_path):
    (tmp_path / "workbench.toml").write_text("")
    command = [sys.executable, "-m", "workbench.cli.app", "serve", "--demo", "--port", "0"]
    log = tmp_path / "log"
    environment = os.environ | {"WORKBENCH_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with log.open("w") as out:
        running = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        page = chromium.new_context().new_page()
        page.set_default_timeout(60_000)
        for _ in range(800):
            found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
            if found or running.poll() is not None:
                break
            page.wait_for_timeout(250)
        assert found, log.read_text()
        username, password = (tmp_path / "data" / "demo-login").read_text().split()
        page.goto(f"{found.group()}/login?next=/desk")
        page.fill("#username", username)
        page.fill("#password", password)
        page.click("button[type=submit]")
        page.wait_for_selector("canvas")
        page.wait_for_timeout(2_500)
        running.send_signal(signal.SIGINT)
        running.wait(30)
        page.context.close()
    finally:
        running.kill()
        running.wait(10)
    said = log.read_text()
    assert "Traceback" not in said
    assert "raised exception" not in said
