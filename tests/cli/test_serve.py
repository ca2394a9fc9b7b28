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
