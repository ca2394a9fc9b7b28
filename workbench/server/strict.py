"""JSON that means one thing: what two readers may read differently is refused.

Python's reader takes NaN, lets the last of two equal names win (one quantity to whoever
looks, another to the order), and text that no answer can hold. A body goes on as it came
once it has passed.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from workbench.server.problems import problem
from workbench.server.wires import App, Message, Receive, Scope, Send

__all__ = ["StrictJson", "check_json"]

_DEEPEST = 32
_LONGEST_NUMBER = 40


class StrictJson:
    """Reads the JSON bodies of requests before the application does.

    It stands inside the guard, which bounds the length.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse its body."""
        if scope["type"] != "http" or not _says_json(scope):
            await self._app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body", False):
            messages.append(await receive())
        try:
            check_json(b"".join(message.get("body", b"") for message in messages))
        except ValueError as error:
            await problem(400, f"the body is no JSON we take: {error}")(scope, receive, send)
            return
        waiting = iter(messages)

        async def again() -> Message:
            message = next(waiting, None)
            return await receive() if message is None else message

        await self._app(scope, again, send)


def check_json(body: bytes) -> None:
    """Refuse what is not plain JSON in UTF-8; nothing at all passes.

    Raises
    ------
    ValueError
        What is wrong with it, without repeating it.

    Examples
    --------
    >>> check_json(b'{"quantity": 1, "quantity": 1000}')
    Traceback (most recent call last):
    ...
    ValueError: a name is given twice in one object
    """
    if not body:
        return
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_int=_short,
            parse_float=_short,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise ValueError(f"it is nested deeper than {_DEEPEST}") from None
    _check_values(value)


def _check_values(value: Any) -> None:
    waiting = [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ValueError(f"it is nested deeper than {_DEEPEST}")
        if isinstance(one, dict):
            waiting += [(part, depth + 1) for pair in one.items() for part in pair]
        elif isinstance(one, list):
            waiting += [(part, depth + 1) for part in one]
        elif isinstance(one, str) and any("\ud800" <= letter <= "\udfff" for letter in one):
            raise ValueError("it holds half a character")


def _says_json(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value.partition(b";")[0].strip().lower()
            if kind.endswith((b"/json", b"+json")):
                return True
    return False


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice in one object")
    return found


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and infinities are no numbers here")


def _short(number: str) -> None:
    if len(number) > _LONGEST_NUMBER:
        raise ValueError(f"a number has at most {_LONGEST_NUMBER} characters")
