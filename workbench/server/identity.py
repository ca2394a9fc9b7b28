"""Who asks, and what that role may do: the policy is a table."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import RefusedError, UsageError, nearest

__all__ = ["ACTIONS", "PERSONS", "ROLES", "Identity", "authorize", "parse_roles"]

ROLES = ("viewer", "analyst", "trader", "admin")

# what is done -> who may; a capability that is not in the table is nobody's
ACTIONS: dict[str, frozenset[str]] = {
    "look": frozenset(ROLES),
    "research": frozenset({"analyst", "trader", "admin"}),
    "trade": frozenset({"trader"}),
    "halt": frozenset({"trader", "admin"}),
    "resume": frozenset({"admin"}),
    "adopt": frozenset({"admin"}),  # believe the venue where our books say otherwise
    "limit": frozenset({"trader", "admin"}),  # make limits tighter
    "loosen limits": frozenset({"admin"}),
    "pause a strategy": frozenset({"trader", "admin"}),
    "resume a strategy": frozenset({"trader"}),
    "end a strategy": frozenset({"trader", "admin"}),
    "oversee": frozenset({"admin"}),  # see what others have made
}
# what lets more happen than before is decided by a person who is there
PERSONS = frozenset({"resume", "loosen limits", "adopt"})


@dataclass(frozen=True, slots=True)
class Identity:
    """A user who logged in.

    Parameters
    ----------
    username : str
    roles : tuple of str
        Out of `ROLES`; a trader who also administers has both.
    session_id : str
        Names the login without giving it away; revoking ends it.
    is_program : bool
        Whether it came with a token instead of a password: what a person must stand for
        (`PERSONS`) it may not, whatever its roles.
    """

    username: str
    roles: tuple[str, ...]
    session_id: str = ""
    is_program: bool = False

    def may(self, action: str) -> bool:
        """Whether one of the roles allows the action."""
        if self.is_program and action in PERSONS:
            return False
        return not ACTIONS.get(action, frozenset()).isdisjoint(self.roles)


def authorize(who: Identity, action: str) -> None:
    """Let an action pass or refuse it.

    Raises
    ------
    RefusedError
        With ``forbidden=True`` and the roles that may; HTTP says 403.

    Examples
    --------
    >>> authorize(Identity("eve", ("viewer",)), "trade")
    Traceback (most recent call last):
    ...
    workbench.errors.RefusedError: eve (viewer) may not trade; this needs the role trader
    """
    if who.may(action):
        return
    needed = f"the role {' or '.join(sorted(ACTIONS.get(action, ())))}"
    if who.is_program and action in PERSONS:
        needed = "a person who has logged in, not a token"
    raise RefusedError(
        f"{who.username} ({', '.join(who.roles)}) may not {action}; this needs {needed}",
        forbidden=True,
        action=action,
    )


def parse_roles(text: str) -> tuple[str, ...]:
    """Read ``"trader,admin"``.

    Raises
    ------
    UsageError
        No role, or an unknown one; the nearest is offered.

    Examples
    --------
    >>> parse_roles("trader, admin")
    ('trader', 'admin')
    """
    roles = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for role in roles:
        if role not in ROLES:
            hint = nearest(role, ROLES) or f"; known are {', '.join(ROLES)}"
            raise UsageError(f"no such role: {role!r}{hint}", role=role)
    if not roles:
        raise UsageError(f"a user needs a role: {', '.join(ROLES)}")
    return roles
