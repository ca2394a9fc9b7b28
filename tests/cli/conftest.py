import os
import subprocess
import sys

import pytest


@pytest.fixture
def workbench(tmp_path):
    """Run the program in a workspace of its own, as a person would."""

    def run(*arguments, code=0, timeout=300, **environment):
        command = [sys.executable, "-m", "workbench", *map(str, arguments)]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
        clean |= {"WORKBENCH_HOME": str(tmp_path), "COLUMNS": "160", "NO_COLOR": "1"} | environment
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=clean,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run
