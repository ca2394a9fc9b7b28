"""The whole way of a person: log in, move a slider, place an order, stop trading, leave."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.browser


def tile(page, label: str):
    return page.locator(".tile", has_text=label).locator(".value").first


def wait_for(page, condition, what: str, tries: int = 240):
    for _ in range(tries):
        found = condition()
        if found:
            return found
        page.wait_for_timeout(250)
    raise AssertionError(f"waited in vain for {what}")


def press_to(slider, wanted: int) -> bool:
    """Press once where it is not there yet: the page may still be waking up."""
    if int(slider.input_value()) < wanted:
        slider.press("ArrowRight")
    return int(slider.input_value()) >= wanted


EQUITY = """() => Bokeh.documents.flatMap(d => [...d._all_models.values()])
    .filter(m => m.type === "ColumnDataSource" && m.data.drawdown === undefined
                 && Object.keys(m.data).some(k => k.startsWith("line")))
    .map(m => Object.entries(m.data).filter(([k]) => k.startsWith("line"))
        .map(([k, v]) => Array.from(v).slice(-1)[0]).join())
    .join(";")"""


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("path", ["/market", "/lab", "/desk"])
def test_every_page_opens_in_both_themes(visit, path, theme):
    page = visit(path, theme)
    page.wait_for_selector("canvas")
    page.wait_for_selector(".tile .value")
    page.wait_for_timeout(1_500)
    assert page.locator(f".mui-{theme}").count() > 0
    assert page.get_by_text("could not be built").count() == 0


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("path", ["/", "/reports", "/docs"])
def test_the_plain_pages_open(visit, path, theme):
    page = visit(path, theme)
    page.wait_for_load_state("networkidle")
    if path == "/docs":
        page.wait_for_selector(".opblock")
    else:
        assert page.locator("html").get_attribute("data-theme") == theme
        page.locator("[data-toggle-theme]").click()
        page.reload()
        assert page.locator("html").get_attribute("data-theme") != theme


def test_a_slider_in_the_lab_moves_the_backtest(visit):
    page = visit("/lab")
    page.wait_for_selector("canvas")
    first = wait_for(page, lambda: tile(page, "Total return").inner_text(), "a return")
    assert re.fullmatch(r"[−0-9.,]+%", first)
    curve = page.evaluate(EQUITY)
    slider = page.locator("input[type=range]").first
    for wanted in range(11, 23):
        wait_for(page, lambda wanted=wanted: press_to(slider, wanted), f"the slider at {wanted}")
    wait_for(page, lambda: tile(page, "Total return").inner_text() != first, "another return")
    wait_for(page, lambda: page.evaluate(EQUITY) != curve, "another equity curve")
    wait_for(page, lambda: "fast=22" in page.url, "the parameter in the address")


def test_a_sweep_shows_a_heat_map_and_a_click_goes_there(visit):
    page = visit("/lab")
    page.wait_for_selector("canvas")
    page.get_by_role("tab", name="Sweep").click()
    before = wait_for(page, lambda: tile(page, "Sharpe").inner_text(), "a Sharpe ratio")
    page.get_by_role("button", name="Sweep", exact=True).click()
    found = page.get_by_text(re.compile(r"\d+ points\. Best sharpe"))
    found.wait_for(timeout=180_000)  # the first sweep of a machine compiles its kernels

    def click_a_cell() -> bool:
        canvas = page.locator("canvas").last
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        if box is None or box["height"] < 400:  # the map is still being drawn
            return False
        page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
        page.wait_for_timeout(500)
        return tile(page, "Sharpe").inner_text() != before

    wait_for(page, click_a_cell, "the clicked point", tries=60)


def test_an_order_on_the_desk_is_filled_and_a_halt_stops_the_next(visit):
    page = visit("/desk")
    page.wait_for_selector("canvas")
    page.get_by_role("button", name="Buy").click()
    page.locator(".tabulator-cell .chip", has_text="filled").first.wait_for()
    page.locator(".tabulator-cell", has_text=re.compile(r"^\d\d:\d\d:\d\d$")).first.wait_for()
    page.get_by_role("tab", name="Positions").click()
    page.locator(".tabulator-cell", has_text="ACME/USD").first.wait_for()
    page.get_by_role("button", name="Halt trading").first.click()
    page.get_by_label("Why").fill("a test")
    page.get_by_role("dialog").get_by_role("button", name="Halt trading").click()
    page.get_by_role("button", name="Halted").wait_for()
    page.get_by_role("button", name="Buy").click()
    page.get_by_text("Refused by halt").first.wait_for()
    page.get_by_role("button", name="Halted").click()
    dialog = page.get_by_role("dialog")
    resume = dialog.get_by_role("button", name="Resume trading")
    resume.wait_for()
    assert resume.is_disabled(), "it may not go on without a reason"
    dialog.get_by_role("button", name="Cancel").click()
    dialog.wait_for(state="hidden")
    page.get_by_role("button", name="Halted").click()
    page.get_by_label("Why (required)").fill("the test is over")
    resume.click()
    page.get_by_role("button", name="Halt trading").first.wait_for()


def test_a_page_that_raises_shows_a_card_and_not_a_wheel(visit):
    page = visit("/broken")
    page.get_by_text("This page could not be built").wait_for()
    assert page.get_by_text("ZeroDivisionError: division by zero").count() > 0
    page.get_by_role("link", name="Market").wait_for()


def test_the_theme_toggle_repaints_the_chart_and_is_remembered(visit):
    page = visit("/market", "dark")
    page.wait_for_selector("canvas")
    page.get_by_label("Toggle theme").click()
    page.locator(".mui-light").first.wait_for()
    ground = """() => Bokeh.documents.flatMap(d => [...d._all_models.values()])
        .filter(m => m.type === "Figure").map(m => m.background_fill_color)[0]"""
    wait_for(page, lambda: page.evaluate(ground) == "#ffffff", "a white chart")
    page.reload()
    page.locator(".mui-light").first.wait_for()


def test_logging_out_closes_the_door(visit, base):
    page = visit("/market")
    page.wait_for_selector("canvas")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{base}/login")
    page.goto(f"{base}/lab")
    page.wait_for_url(f"{base}/login?next=/lab")


def test_on_a_narrow_screen_the_drawer_starts_closed_and_opens_on_demand(visit):
    page = visit("/market")
    page.get_by_label("Close drawer").wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    page.wait_for_selector("canvas")
    page.get_by_label("Open drawer").click()
    page.get_by_label("Symbol").wait_for()
    page.keyboard.press("Escape")
    page.get_by_label("Symbol").wait_for(state="hidden")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    toggle = page.get_by_label("Toggle theme").bounding_box()
    assert toggle["x"] + toggle["width"] <= 390


def test_a_narrow_table_is_moved_sideways_instead_of_squeezed(visit):
    page = visit("/desk")
    page.set_viewport_size({"width": 1024, "height": 900})
    heads = page.locator(".tabulator-col .tabulator-col-title")
    heads.filter(has_text="Symbol").first.wait_for()
    cut = """els => els.filter(e => e.innerText.trim() && e.scrollWidth > e.offsetWidth)
                       .map(e => e.innerText)"""
    wait_for(page, lambda: heads.evaluate_all(cut) == [], "names of columns in full")
