from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workbench.store.migrate import open_database
from workbench.store.stages import StageChange, add_stage, stages_of

NOW = datetime(2024, 1, 2, tzinfo=UTC)


def test_the_last_stage_holds_though_the_clock_was_set_back():
    database = open_database("sqlite://")
    for stage, time in (("live", NOW), ("retired", NOW - timedelta(hours=1))):
        with database.write() as connection:
            add_stage(
                connection,
                StageChange(strategy="Cross", stage=stage, code="c", actor="ada", time=time),
            )
    with database.read() as connection:
        assert [one.stage for one in stages_of(connection, "Cross")] == ["retired", "live"]
    database.close()
