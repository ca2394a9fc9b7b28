# mypy: allow-untyped-calls
"""The look of the Panel pages: one place for colours, borders and the small parts.

Colours come from `workbench.plots.theme`, so that a page and the charts on it are one.
They travel as CSS variables set on the page's root, which every component inherits;
the toggle in the header changes them without asking the server.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import panel as pn

from workbench.plots.theme import DARK, FONT, LIGHT, Theme

__all__ = [
    "HEADER_CSS",
    "PAGE_SX",
    "TABLE_CSS",
    "THEME_CONFIG",
    "Tile",
    "asset",
    "empty",
    "note",
    "part",
    "tiles",
]


def asset(name: str) -> str:
    """Return the text of a file of ``assets``."""
    return (Path(__file__).parent / "assets" / name).read_text(encoding="utf-8")


_RAISED = {"dark": "#1a2030", "light": "#f1f4f9"}
_HALT = {"dark": "#ff6b68", "light": "#c62828"}
_PAPER = {"dark": "#ffb020", "light": "#8a5200"}


def _variables(theme: Theme) -> dict[str, str]:
    return {
        "--wb-bg": theme.background,
        "--wb-paper": theme.surface,
        "--wb-raised": _RAISED[theme.name],
        "--wb-line": theme.divider,
        "--wb-text": theme.text,
        "--wb-muted": theme.muted,
        "--wb-primary": theme.primary,
        "--wb-up": theme.up_text,
        "--wb-down": theme.down_text,
        "--wb-paper-badge": _PAPER[theme.name],
        "--wb-halt": _HALT[theme.name],
        "--wb-font": FONT,
        "colorScheme": theme.name,
    }


def _mui(theme: Theme) -> dict[str, Any]:
    line = f"1px solid {theme.divider}"
    contrast = "#06101f" if theme.name == "dark" else "#ffffff"
    return {
        "palette": {
            "mode": theme.name,
            "primary": {"main": theme.primary, "contrastText": contrast},
            "error": {"main": _HALT[theme.name]},
            "success": {"main": theme.up_text},
            "warning": {"main": _PAPER[theme.name]},
            "background": {"default": theme.background, "paper": theme.surface},
            "text": {"primary": theme.text, "secondary": theme.muted},
            "divider": theme.divider,
        },
        "shape": {"borderRadius": 8},
        "typography": {
            "fontFamily": FONT,
            "fontSize": 13,
            "button": {"textTransform": "none", "fontWeight": 600},
            "h3": {"fontSize": "17px", "fontWeight": 700, "letterSpacing": "-.01em"},
        },
        "components": {
            "MuiButtonBase": {"defaultProps": {"disableRipple": True}},
            "MuiPaper": {"styleOverrides": {"root": {"backgroundImage": "none"}}},
            "MuiButton": {
                "defaultProps": {"disableElevation": True},
                "styleOverrides": {"root": {"textTransform": "none", "boxShadow": "none"}},
            },
            "MuiTab": {"styleOverrides": {"root": {"textTransform": "none", "minHeight": 42}}},
            "MuiTabs": {"styleOverrides": {"root": {"minHeight": 42}}},
            "MuiDrawer": {
                "styleOverrides": {
                    # as a modal it stands beside the page's root and inherits nothing from it;
                    # a narrow page shows it once it is closed, see drawer.js
                    "modal": {**_variables(theme), "opacity": "var(--wb-drawer, 1)"},
                    "paper": {"backgroundColor": theme.surface, "borderRight": line},
                }
            },
            "MuiDialog": {"styleOverrides": {"root": _variables(theme)}},
            "MuiDialogTitle": {"styleOverrides": {"root": {"padding": "18px 16px 8px"}}},
            "MuiOutlinedInput": {
                "styleOverrides": {"notchedOutline": {"borderColor": theme.divider}}
            },
            "MuiChip": {
                "styleOverrides": {
                    "root": {
                        "backgroundColor": _RAISED[theme.name],
                        "color": theme.text,
                        "border": line,
                        "&:hover": {"backgroundColor": theme.divider},
                    },
                    "deleteIcon": {"color": theme.muted},
                }
            },
            "MuiToggleButton": {
                "styleOverrides": {
                    "root": {
                        "textTransform": "none",
                        "borderColor": theme.divider,
                        "color": theme.muted,
                        "&&.Mui-selected, &&.Mui-selected:hover": {
                            "backgroundColor": _RAISED[theme.name],
                            "color": theme.primary,
                        },
                    }
                }
            },
            "MuiTooltip": {"styleOverrides": {"tooltip": {"fontSize": 12}}},
        },
    }


THEME_CONFIG: dict[str, Any] = {"dark": _mui(DARK), "light": _mui(LIGHT)}

PAGE_SX: dict[str, Any] = {
    "&.mui-dark": _variables(DARK),
    "&.mui-light": _variables(LIGHT),
    "fontVariantNumeric": "tabular-nums",
    "backgroundColor": "var(--wb-bg)",
    "& .MuiAppBar-root.header": {
        "backgroundColor": "var(--wb-paper)",
        "color": "var(--wb-text)",
        "backgroundImage": "none",
        "boxShadow": "none",
        "borderBottom": "1px solid var(--wb-line)",
    },
    "& .header .title": {"color": "var(--wb-text)"},
    "& .MuiLinearProgress-root": {"position": "absolute", "bottom": "-1px", "height": "2px"},
    "& .main": {"backgroundColor": "var(--wb-bg)"},
    "& .MuiDrawer-paper": {"padding": "10px 4px"},
    "@media (max-width: 599.95px)": {
        "& .header .MuiToolbar-root": {"padding": "0 8px"},
        "& .header .title": {"display": "none"},
        "& .header .MuiIconButton-edgeStart": {"margin": "0 2px 0 0"},
    },
}

_PARTS_CSS = asset("parts.css")

TABLE_CSS = asset("table.css")
HEADER_CSS = asset("header.css")


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure: its name, its value, what is said below, and whether it is good or bad."""

    label: str
    value: str
    tone: str = ""
    under: str = ""


def tiles(row: Iterable[Tile]) -> str:
    """Return a strip of tiles as HTML.

    Examples
    --------
    >>> "1.24" in tiles([Tile("Sharpe", "1.24", "up")])
    True
    """
    cells = "".join(
        f'<div class="tile"><div class="label">{escape(one.label)}</div>'
        f'<div class="value {escape(one.tone)}">{escape(one.value)}</div>'
        + (f'<div class="under">{escape(one.under)}</div>' if one.under else "")
        + "</div>"
        for one in row
    )
    return f'<div class="tiles">{cells}</div>'


def empty(title: str, advice: str) -> str:
    """Return what stands where there is nothing yet, and says how to get something."""
    return f'<div class="empty"><b>{escape(title)}</b>{escape(advice)}</div>'


def note(text: str, tone: str = "", details: str = "") -> str:
    """Return a remark; `tone` is ``bad``, ``good``, ``warn`` or nothing."""
    more = f"<pre>{escape(details)}</pre>" if details else ""
    return f'<div class="note {escape(tone)}">{escape(text)}{more}</div>'


def part(html: str = "", **options: Any) -> pn.pane.HTML:
    """Return an HTML pane that knows the look."""
    options.setdefault("sizing_mode", "stretch_width")
    options.setdefault("margin", 0)
    return pn.pane.HTML(html, stylesheets=[_PARTS_CSS], **options)
