"""Users, their passwords and their sessions."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta

import pytest

from workbench.config import load_settings
from workbench.core.clock import EventClock
from workbench.errors import RefusedError, UsageError
from workbench.server import passwords
from workbench.server.identity import ACTIONS, ROLES, Identity, authorize
from workbench.server.keys import secret_key
from workbench.server.users import Sessions, Users, demo_login
from workbench.store.migrate import open_database

PHRASE = "a long enough phrase"


@pytest.fixture
def database():
    database = open_database("sqlite://")
    yield database
    database.close()


@pytest.mark.parametrize("name", ["", "a", "Ada", "a b", "a/b", "../x", "ä" * 5, "x" * 65])
def test_a_name_that_is_none_is_refused(database, name):
    with pytest.raises(UsageError):
        Users(database).add_user(name, PHRASE)


@pytest.mark.parametrize(
    "word", ["short", "x" * 129, "aaaaaaaaaaaaaa", "abababababab", "ada-lovelace-1"]
)
def test_a_weak_password_is_refused_and_not_repeated(database, word):
    with pytest.raises(UsageError) as refused:
        Users(database).add_user("ada-lovelace", word)
    assert word not in str(refused.value)


def test_a_user_is_added_once(database):
    users = Users(database)
    users.add_user("ada", PHRASE)
    with pytest.raises(UsageError, match="already"):
        users.add_user("ada", PHRASE)
    with pytest.raises(UsageError, match="did you mean 'ada'"):
        users.set_password("adda", PHRASE)
    with pytest.raises(UsageError, match="did you mean 'trader'"):
        users.set_roles("ada", "trdaer")


def test_the_password_is_not_in_the_table(database):
    Users(database).add_user("ada", PHRASE)
    with database.read() as connection:
        rows = str(connection.exec_driver_sql("select * from users").fetchall())
    assert PHRASE not in rows
    assert "$argon2id$v=19$m=65536,t=3" in rows


def test_a_locked_user_and_a_new_password_end_sessions(database):
    users, sessions = Users(database), Sessions(database, 1.0)
    users.add_user("ada", PHRASE)
    token = sessions.open(users.verify("ada", PHRASE))
    assert sessions.find(token).username == "ada"
    users.set_password("ada", "quite another phrase")
    assert Sessions(database, 1.0).find(token) is None
    assert users.verify("ada", PHRASE) is None
    users.lock("ada")
    assert users.verify("ada", "quite another phrase") is None


def test_a_session_ends_by_itself(database):
    clock = EventClock(datetime(2024, 1, 2, tzinfo=UTC))
    users, sessions = Users(database, clock), Sessions(database, 2.0, clock)
    users.add_user("ada", PHRASE)
    token = sessions.open(Identity("ada", ("viewer",)))
    assert sessions.find(token) is not None
    clock.advance(datetime(2024, 1, 2, tzinfo=UTC) + timedelta(hours=2))
    assert sessions.find(token) is None


def test_old_hashes_are_renewed_at_the_next_login(database):
    from argon2 import PasswordHasher

    users = Users(database)
    users.add_user("ada", PHRASE)
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PHRASE)
    with database.write() as connection:
        connection.exec_driver_sql("update users set password = ?", (old,))
    assert users.verify("ada", PHRASE) is not None
    with database.read() as connection:
        now = connection.exec_driver_sql("select password from users").scalar_one()
    assert now != old
    assert passwords.matches(PHRASE, now)


def test_the_demo_login_is_made_once_and_printed_again(tmp_path):
    settings = load_settings(tmp_path)
    database = open_database(settings)
    first, second = demo_login(settings, database), demo_login(settings, database)
    assert first == second
    assert Users(database).verify("demo", first.password).roles == ("trader", "admin")
    assert stat.S_IMODE((tmp_path / "data" / "demo-login").stat().st_mode) == 0o600
    database.close()


def test_there_is_no_demo_login_beside_real_users(tmp_path):
    settings = load_settings(tmp_path)
    database = open_database(settings)
    Users(database).add_user("ada", PHRASE)
    assert demo_login(settings, database) is None
    Users(database).lock("ada")
    assert demo_login(settings, database) is None
    database.close()


def test_the_key_is_made_once_for_its_owner_only(tmp_path):
    settings = load_settings(tmp_path)
    key = secret_key(settings)
    assert key == secret_key(settings)
    assert len(key) >= 32
    path = tmp_path / "data" / "server.key"
    path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        secret_key(settings)


@pytest.mark.parametrize("word", ["short", "x" * 40])
def test_a_weak_key_is_refused(tmp_path, word):
    with pytest.raises(UsageError, match="varied"):
        secret_key(load_settings(tmp_path, secret_key=word))


@pytest.mark.parametrize("action", [*ACTIONS, "unheard-of"])
@pytest.mark.parametrize("role", ROLES)
def test_the_policy_table_decides(role, action):
    who = Identity("x", (role,))
    if role in ACTIONS.get(action, ()):
        authorize(who, action)
    else:
        with pytest.raises(RefusedError) as refused:
            authorize(who, action)
        assert refused.value.forbidden
