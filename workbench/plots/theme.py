"""Colours and type, once: what every figure, page and report of the workbench is painted with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from bokeh.models import InlineStyleSheet, Model

from workbench.errors import UsageError, nearest

__all__ = ["DARK", "FONT", "LIGHT", "Painter", "Theme", "dress", "find", "style"]

FONT = "Inter, Roboto, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Theme:
    """A palette: every colour has a role, and figures name roles only.

    Parameters
    ----------
    name : {"dark", "light"}
        What it is asked for by.
    background, surface, divider, grid : str
        The page, a card or chart upon it, the line between panes, the line in a pane.
    text, muted, crosshair : str
        Words, axis labels, the line under the pointer.
    up, down : str
        Fills of candles, bars and areas.
    up_text, down_text : str
        The same for words: at least 4.5:1 on the surface.
    primary, buy, sell : str
        The accent, and the markers of fills.
    series : tuple of str
        What lines are given in turn: role ``"series0"``, ``"series1"`` and so on.

    Examples
    --------
    >>> DARK.colour("up"), DARK.colour("series0") == DARK.series[0]
    ('#26a69a', True)
    """

    name: str
    background: str
    surface: str
    divider: str
    grid: str
    text: str
    muted: str
    crosshair: str
    up: str
    down: str
    up_text: str
    down_text: str
    primary: str
    buy: str
    sell: str
    series: tuple[str, ...]

    def colour(self, role: str) -> str:
        """Return the colour of a role.

        Raises
        ------
        UsageError
            No such role; the nearest is offered.
        """
        if role.startswith("series") and role[6:].isdigit():
            return self.series[int(role[6:]) % len(self.series)]
        found = self.__dict__.get(role)
        if role in ("name", "series") or not isinstance(found, str):
            known = [key for key in self.__dict__ if key not in ("name", "series")]
            raise UsageError(f"no colour role {role!r}{nearest(role, known)}", role=role)
        return found

    @property
    def css(self) -> str:
        """The palette as CSS variables and classes, for what stands beside a figure."""
        lines = "".join(f".s{i}{{color:{c}}}" for i, c in enumerate(self.series))
        return (
            f":host{{color:{self.text};font-family:{FONT};font-variant-numeric:tabular-nums}}"
            f".up{{color:{self.up_text}}}.down{{color:{self.down_text}}}"
            f".muted{{color:{self.muted}}}.primary{{color:{self.primary}}}"
            f".buy{{color:{self.buy}}}.sell{{color:{self.sell}}}{lines}{self._tags}"
        )

    @property
    def _tags(self) -> str:
        grounds = {
            "up": self.up_text,
            "down": self.down_text,
            "primary": self.primary,
            "muted": self.muted,
            "pointer": self.text,
            **{f"s{i}": c for i, c in enumerate(self.series)},
        }
        # as far from the scale as its labels, so that it covers the one it stands before
        shape = (
            f".tag{{font:11px {FONT};padding:2px 6px 2px 15px;"
            "border-radius:3px;white-space:nowrap}"
        )
        return shape + "".join(
            f".tag.{name}{{background:{ground};color:{self.surface}}}"
            for name, ground in grounds.items()
        )


DARK = Theme(
    name="dark",
    background="#0d1117",
    surface="#131722",
    divider="#232a36",
    grid="#1c2330",
    text="#e6e9ef",
    muted="#98a2b3",
    crosshair="#8b95a7",
    up="#26a69a",
    down="#ef5350",
    up_text="#2fc0b2",
    down_text="#ff6b68",
    primary="#4c8dff",
    buy="#4c8dff",
    sell="#ffa726",
    series=("#f6c244", "#b58cff", "#5ac8fa", "#ff8fb1", "#8bd450", "#ff9f5a"),
)

LIGHT = Theme(
    name="light",
    background="#f6f7f9",
    surface="#ffffff",
    divider="#dfe3e9",
    grid="#eef0f4",
    text="#131722",
    muted="#5b6472",
    crosshair="#7a8494",
    up="#26a69a",
    down="#ef5350",
    up_text="#0a776b",
    down_text="#c62828",
    primary="#2563eb",
    buy="#2563eb",
    sell="#e07b00",
    series=("#d99000", "#8e5bf0", "#0284c7", "#d6437a", "#4d8f1f", "#d2611c"),
)

_THEMES = {"dark": DARK, "light": LIGHT}

# Blue and orange keep apart under every common colour blindness (after Okabe and Ito, 2008).
_BLIND = {
    "dark": {"up": "#56b4e9", "down": "#e69f00", "up_text": "#6cc0f0", "down_text": "#f0b02a"},
    "light": {"up": "#0072b2", "down": "#d55e00", "up_text": "#00639b", "down_text": "#a84a00"},
}


def find(theme: str | Theme, *, colour_blind: bool = False) -> Theme:
    """Return a theme by its name.

    Parameters
    ----------
    theme : str or Theme
        ``"dark"``, ``"light"`` or a theme, which is returned as it is.
    colour_blind : bool
        Rise and fall in blue and orange instead of green and red.

    Raises
    ------
    UsageError
        No such theme.

    Examples
    --------
    >>> find("dark").surface
    '#131722'
    >>> find("light", colour_blind=True).up
    '#0072b2'
    """
    if isinstance(theme, str):
        if theme not in _THEMES:
            raise UsageError(
                f"no theme {theme!r}{nearest(theme, _THEMES)}; there are {', '.join(_THEMES)}",
                theme=theme,
            )
        theme = _THEMES[theme]
    changes: dict[str, Any] = _BLIND.get(theme.name, {}) if colour_blind else {}
    return replace(theme, **changes)


def style(figure: Any, theme: str | Theme = "light") -> Any:
    """Paint a figure's ground, grid, axes and type, and return it.

    Parameters
    ----------
    figure : bokeh.plotting.figure
        Changed in place; its glyphs keep their colours.
    theme : str or Theme
        See `find`.
    """
    look = find(theme)
    figure.background_fill_color = look.surface
    figure.border_fill_color = look.surface
    figure.outline_line_color = None
    # the outermost pixels of a canvas keep the page's colour or an older coat
    dress(
        figure,
        "ground",
        f":host{{background-color:{look.surface};--background-color:{look.surface};"
        f"--color:{look.text};--divider-color:{look.divider};--icon-color:{look.surface}}}"
        ".bk-Canvas{clip-path:inset(2px)}",
    )
    figure.axis.axis_line_color = None
    figure.axis.major_tick_line_color = None
    figure.axis.minor_tick_line_color = None
    figure.axis.major_label_text_color = look.muted
    figure.axis.major_label_text_font = FONT
    figure.axis.major_label_text_font_size = "11px"
    figure.axis.axis_label_text_color = look.muted
    figure.axis.axis_label_text_font = FONT
    figure.axis.axis_label_text_font_size = "11px"
    figure.axis.axis_label_text_font_style = "normal"
    figure.grid.grid_line_color = look.grid
    figure.title.text_color = look.text
    figure.title.text_font = FONT
    figure.title.text_font_size = "13px"
    figure.title.text_font_style = "bold"
    for legend in figure.legend:
        legend.background_fill_color = look.surface
        legend.background_fill_alpha = 0.8
        legend.border_line_color = None
        legend.label_text_color = look.muted
        legend.label_text_font = FONT
        legend.label_text_font_size = "11px"
    return figure


def dress(model: Any, name: str, css: str) -> None:
    """Give a model a style sheet of that name, or change the one it has.

    A sheet takes effect in an open page, which a change of ``styles`` does not.

    Examples
    --------
    >>> from bokeh.plotting import figure
    >>> plot = figure()
    >>> dress(plot, "edge", ":host{margin:0}")
    >>> dress(plot, "edge", ":host{margin:1px}")
    >>> [sheet.css for sheet in plot.stylesheets]
    [':host{margin:1px}']
    """
    for sheet in model.stylesheets:
        if isinstance(sheet, InlineStyleSheet) and sheet.name == name:
            sheet.css = css
            return
    model.stylesheets = [*model.stylesheets, InlineStyleSheet(name=name, css=css)]


class Painter:
    """Remembers which colour of which model has which role, to repaint them all at once.

    Parameters
    ----------
    theme : str or Theme
        The first coat.

    Examples
    --------
    >>> from bokeh.models import Span
    >>> painter, line = Painter("dark"), Span()
    >>> painter.paint(line, line_color="up").line_color
    '#26a69a'
    >>> painter.use("light")
    >>> painter.paint(line, line_color="primary").line_color
    '#2563eb'
    """

    def __init__(self, theme: str | Theme = "dark") -> None:
        self.theme = find(theme)
        self.sheet = InlineStyleSheet(css=self.theme.css)
        self._figures: list[Any] = []
        self._roles: dict[tuple[str, str], tuple[Model, str]] = {}

    def paint(self, model: Any, **roles: str) -> Any:
        """Give properties of a model the colours of roles, now and after each `use`."""
        for key, role in roles.items():
            self._roles[model.id, key] = (model, role)
            setattr(model, key, self.theme.colour(role))
        return model

    def palette(self, mapper: Any, *roles: str) -> Any:
        """Give a colour mapper a palette made of roles."""
        self._roles[mapper.id, "palette"] = (mapper, " ".join(roles))
        mapper.palette = [self.theme.colour(role) for role in roles]
        return mapper

    def style(self, figure: Any) -> Any:
        """As the function `style`, now and after each `use`."""
        self._figures.append(figure)
        return style(figure, self.theme)

    def use(self, theme: str | Theme) -> None:
        """Repaint everything."""
        self.theme = find(theme)
        self.sheet.css = self.theme.css
        for figure in self._figures:
            style(figure, self.theme)
        for (_, key), (model, role) in self._roles.items():
            if key == "palette":
                self.palette(model, *role.split())
            else:
                setattr(model, key, self.theme.colour(role))
