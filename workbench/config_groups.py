"""The groups of settings: tables of ``workbench.toml`` with keys of their own."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FeedSettings", "RiskLimits", "VenueSettings"]


class RiskLimits(BaseModel):
    """What the risk gate lets pass; ``None`` switches a rule off.

    Fractions are of equity, money is in the account's currency.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbols: tuple[str, ...] | None = None
    max_order_notional: float | None = Field(250_000.0, gt=0)
    max_order_quantity: float | None = Field(None, gt=0)
    max_position_notional: float | None = Field(500_000.0, gt=0)
    max_gross: float | None = Field(2.0, gt=0)
    max_daily_loss: float | None = Field(0.10, gt=0, le=1)
    price_collar: float | None = Field(0.10, gt=0)


class VenueSettings(BaseModel):
    """What differs from a vendor's usual terms; ``[venues.polygon]`` in the settings' file.

    Parameters
    ----------
    url : str, optional
        Where its REST interface is: a proxy, a sandbox, a test's own server.
    stream_url : str, optional
        The same for its stream, without a path.
    per_minute : float, optional
        Requests a minute of your plan, e.g. 5 of Polygon's free one.
    timeout : float
        Seconds to wait for an answer.
    attempts : int
        How often a read is tried.
    backoff : float
        Seconds before the second try, at most; each further wait may be twice as long.
    delay_minutes : float, optional
        How far behind the market the plan's bars are.
    feed : str, optional
        Alpaca: ``"sip"`` (all exchanges) or ``"iex"``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = None
    stream_url: str | None = None
    per_minute: float | None = Field(None, gt=0)
    timeout: float = Field(20.0, gt=0)
    attempts: int = Field(5, ge=1)
    backoff: float = Field(0.5, gt=0)
    delay_minutes: float | None = Field(None, ge=0)
    feed: str | None = None


class FeedSettings(BaseModel):
    """How live feeds behave; ``[feeds]`` in the settings' file.

    Parameters
    ----------
    mute_seconds : float
        Without an event for so long, in an open market, a connection is given up and made
        anew. Where only bars are wanted, of more than ten symbols, the length of a bar is added.
    tolerance_seconds : float
        How long an event is held so that an older one may overtake it.
    grace_seconds : float
        How long after its end a bar waits for trades.
    longest_wait_seconds : float
        Between two tries to connect, at most.
    backfill_seconds : float
        How long to wait for the bars of a gap.
    keep_trades, keep_quotes, keep_bars : int
        How many of each are kept in memory per symbol.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mute_seconds: float = Field(15.0, gt=0)
    tolerance_seconds: float = Field(0.25, ge=0)
    grace_seconds: float = Field(1.0, ge=0)
    longest_wait_seconds: float = Field(30.0, gt=0)
    backfill_seconds: float = Field(60.0, gt=0)
    keep_trades: int = Field(10_000, ge=1)
    keep_quotes: int = Field(10_000, ge=1)
    keep_bars: int = Field(5_000, ge=1)
