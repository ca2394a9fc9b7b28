"""The process a report runs in: reads one order from its standard input and runs the notebook.

The kernel is reached through files in a private folder, not through a port that others on the
machine could try.
"""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["main"]

FAILED_CELL = 3


def main() -> int:
    """Run the notebook; 0 when it succeeded, 3 when a cell failed, its facts on stdout."""
    order = json.load(sys.stdin)
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    try:
        papermill.execute_notebook(
            order["notebook"],
            order["output"],
            parameters=order["parameters"],
            kernel_name="python3",
            language="python",
            progress_bar=False,
            log_output=False,
            cwd=order["folder"],
            execution_timeout=order["cell_timeout"],
            config=Config({"KernelManager": {"transport": "ipc"}}),
        )
    except PapermillExecutionError as error:
        _tell(cell=error.cell_index, name=error.ename, value=error.evalue, source=error.source)
        return FAILED_CELL
    return 0


def _tell(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    sys.exit(main())
