"""Column types that lose nothing on any database: money and instants as text.

SQLAlchemy's ``Numeric`` goes through a float on SQLite and says nothing; these do not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import String
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from workbench.errors import UsageError

__all__ = ["DecimalText", "UtcTime"]


class DecimalText(TypeDecorator[Decimal]):
    """A `decimal.Decimal`, kept as plain digits.

    Examples
    --------
    >>> DecimalText().process_bind_param(Decimal("1E+3"), None)
    '1000'
    """

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(80)

    def process_bind_param(self, value: Any, dialect: Dialect | None) -> str | None:  # noqa: ARG002
        """Write a Decimal; a float, NaN or infinity is refused."""
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            raise UsageError(f"the database keeps finite Decimals here, not {value!r}")
        return format(value, "f")

    def process_result_value(self, value: Any, dialect: Dialect | None) -> Decimal | None:  # noqa: ARG002
        """Read a Decimal, digit by digit."""
        return None if value is None else Decimal(value)


class UtcTime(TypeDecorator[datetime]):
    """An aware instant, kept as sortable text in UTC with microseconds.

    Examples
    --------
    >>> UtcTime().process_bind_param(datetime(2024, 1, 2, tzinfo=UTC), None)
    '2024-01-02T00:00:00.000000Z'
    """

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(27)

    def process_bind_param(self, value: Any, dialect: Dialect | None) -> str | None:  # noqa: ARG002
        """Write an instant; a naive one is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise UsageError(f"the database keeps aware instants, not {value!r}")
        plain = value if value.tzinfo is UTC else value.astimezone(UTC)
        return f"{plain.isoformat(timespec='microseconds').removesuffix('+00:00')}Z"

    def process_result_value(self, value: Any, dialect: Dialect | None) -> datetime | None:  # noqa: ARG002
        """Read an aware instant."""
        if value is None:
            return None
        return datetime.fromisoformat(str(value).removesuffix("Z")).replace(tzinfo=UTC)
