import socket

import pytest

from workbench.cli.doctor import examine
from workbench.kernels.compile import cache_folder


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return tmp_path


def findings():
    return {finding.name: finding for finding in examine()}


def test_a_sound_machine_has_nothing_to_mend(workspace):
    found = findings()
    assert {"Python", "TA-Lib", "compiler cache", "settings", "database", "port"} <= set(found)
    assert [f for f in found.values() if f.state == "bad"] == []
    assert "161 functions" in found["TA-Lib"].said or "functions" in found["TA-Lib"].said
    assert list(workspace.iterdir()) == []  # looking changes nothing


def test_a_busy_port_is_told_with_another(workspace):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (workspace / "workbench.toml").write_text(f"port = {port}\n")
        found = findings()["port"]
    assert (found.state, f"--port {port + 1}" in found.mend) == ("warn", True)


def test_a_wrong_setting_is_bad_and_named(workspace):
    (workspace / "workbench.toml").write_text("prot = 1\n")
    found = findings()["settings"]
    assert (found.state, "'prot'" in found.said) == ("bad", True)


def test_a_database_that_is_none_is_bad(workspace):
    (workspace / "data").mkdir()
    (workspace / "data" / "workbench.db").write_text("this is no database, and long enough to tell")
    found = findings()["database"]
    assert found.state == "bad"
    assert found.mend


def test_a_password_in_the_address_is_not_shown(workspace, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DATABASE_URL", "postgresql+nosuch://ada:secret@db/x")
    assert "secret" not in str(findings())


def test_an_unwritable_compiler_cache_is_told(workspace, monkeypatch):
    (workspace / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(workspace / "file"))
    cache_folder.cache_clear()
    try:
        found = findings()["compiler cache"]
    finally:
        monkeypatch.undo()
        cache_folder.cache_clear()
    assert found.state == "warn"
    assert "NUMBA_CACHE_DIR" in found.mend
