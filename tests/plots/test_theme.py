import pytest
from bokeh.models import Span
from bokeh.plotting import figure

from workbench.errors import UsageError
from workbench.plots.theme import DARK, LIGHT, Painter, find, style


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dim, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("blind", [False, True])
@pytest.mark.parametrize("name", ["dark", "light"])
def test_words_can_be_read_on_their_ground(name, blind):
    look = find(name, colour_blind=blind)
    for role in ("text", "muted", "up_text", "down_text", "primary"):
        for ground in (look.surface, look.background):
            assert contrast(look.colour(role), ground) >= 4.5, (name, role)


def test_the_two_themes_have_as_many_lines_to_give():
    assert len(DARK.series) == len(LIGHT.series)
    assert DARK.colour("series0") == DARK.colour(f"series{len(DARK.series)}")


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'dark'"):
        find("drak")
    with pytest.raises(UsageError, match="did you mean 'primary'"):
        DARK.colour("primry")


def test_a_painter_repaints_everything():
    painter, line, plot = Painter("dark"), Span(), figure()
    painter.paint(line, line_color="down")
    painter.style(plot)
    assert (line.line_color, plot.background_fill_color) == (DARK.down, DARK.surface)
    painter.use("light")
    assert (line.line_color, plot.background_fill_color) == (LIGHT.down, LIGHT.surface)
    assert LIGHT.text in painter.sheet.css


def test_style_keeps_what_else_a_figure_was_given():
    plot = figure(styles={"margin": "1px"})
    assert style(plot, "dark").styles["margin"] == "1px"
