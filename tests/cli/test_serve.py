import re
import socket


def test_users_are_added_listed_and_locked(workbench):
    assert "No users yet" in workbench("user", "list")
    said = workbench("user", "add", "ada", "--roles", "trader")
    assert "password:" in said  # drawn, as there is no terminal to ask at
    assert "trader" in workbench("user", "list")
    assert "there is a user 'ada' already" in workbench("user", "add", "ada", code=2)
    workbench("user", "lock", "ada")
    assert "No users yet" in workbench("user", "list")


def test_a_busy_port_is_a_sentence(workbench):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = workbench("serve", "--port", str(port), code=2)
    assert f"port {port}" in said
    assert "is free" in said


def test_a_token_is_made_listed_and_revoked(workbench):
    workbench("user", "add", "ada", "--roles", "trader")
    said = workbench("token", "create", "--user", "ada", "--role", "trader", "--expires", "7")
    name = re.search(r"wb_paper_([a-z2-7]{8})_[\w-]{43}", said)[1]
    listed = workbench("token", "list")
    assert name in listed
    assert "holds" in listed
    workbench("token", "revoke", name)
    assert "revoked" in workbench("token", "list")
    workbench("token", "create", "--user", "ada", "--role", "admin", code=1)
