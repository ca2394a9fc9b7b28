"""Every test works in a workspace of its own: nothing is written into the checkout's data."""

import os
import tempfile

# set before any test module is imported, so that doctests and subprocesses have it too
os.environ["WORKBENCH_HOME"] = tempfile.mkdtemp(prefix="workbench-tests-")
