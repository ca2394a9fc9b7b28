"""What becomes of a live run when its engine stops: saved, and held against its backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.live.divergence.divergence import reconcile
from workbench.live.divergence.left import save_live

if TYPE_CHECKING:
    from workbench.live.runs.live_run import LiveRun

__all__ = ["leave"]


def leave(run: LiveRun) -> None:
    """Save a run, and tell on the topic ``system`` where it earned too little beside its backtest.

    Nothing of it keeps an engine from stopping: what cannot be done, on a full disk say, is told.
    """
    account = run.account
    try:
        run.save()
        save_live(run)
        if any(not one.skipped for one in run.decisions):
            reconcile(run, settings=account.settings).tell(account.bus)
    except WorkbenchError as error:
        account.news.say("runs", error.message)
