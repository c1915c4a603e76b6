"""Both pages in a browser: they draw, are quiet, ask nobody for anything, and their filter and keys work."""

import pandas as pd
import pytest

import probes_reports


@pytest.fixture(scope="module")
def addresses(whole, tmp_path_factory):
    out = tmp_path_factory.mktemp("pages")
    return {
        "study": probes_reports.build(whole / "everything", out / "study.html").as_uri(),
        "board": probes_reports.build(whole, out / "board.html").as_uri(),
    }


@pytest.fixture
def opened(browser, addresses):
    """Opens a page; what it complained about or asked for is in `trouble` of the page."""
    contexts = []

    def open_page(which, width=1440, theme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        contexts.append(context)
        page, trouble = context.new_page(), []
        page.on("console", lambda m: trouble.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: (trouble.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: None if request.url.startswith(("data:", "blob:", addresses[which]))
                else trouble.append(request.url))  # fmt: skip
        page.goto(addresses[which])
        page.trouble = trouble
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (375, "light")])
def test_every_chart_draws_within_the_screen(opened, width, theme):
    page = opened("study", width, theme)
    plots = page.locator("[data-plot]")
    for plot in plots.all():
        plot.scroll_into_view_if_needed()
        page.wait_for_function("figure => figure.dataset.drawn === 'true'", arg=plot.element_handle())

    assert page.trouble == []
    assert plots.count() == 5
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("img[onerror]").count() == 0


def test_how_a_claim_was_judged_opens_from_the_keyboard(opened):
    page = opened("study")
    control = page.locator("[aria-controls=claim-1-how]")

    control.focus()
    page.keyboard.press("Enter")

    assert page.locator("#claim-1-how").is_visible()
    assert "the 95 % interval of the mean lies at or above 0.3" in page.locator("#claim-1-how").inner_text()


def test_the_csv_holds_the_numbers_of_the_file(opened, made):
    page = opened("study")
    with page.expect_download() as download:
        page.click("[data-csv=chart-2-width]")
    table = pd.read_csv(download.value.path())
    chart = made.every_chart()[1]

    error = table[table["series"] == "error"]
    assert error["hidden units"].tolist() == chart.lines[0].x
    assert error["training error"].tolist() == pytest.approx(chart.lines[0].y)
    assert error["low"].tolist() == pytest.approx(chart.lines[0].low)


@pytest.mark.parametrize("width", [1440, 375])
def test_the_filter_leaves_one_verdict(opened, width):
    page = opened("board", width)
    page.locator("[name=verdict][value=all]").focus()
    found = []
    for _ in ("all", "reproduced", "not", "open", "failed"):
        shown = [page.locator(f"{kind}:visible").count() for kind in (".board-claim", ".board-study")]
        found.append((page.locator("[name=verdict]:checked").get_attribute("value"), *shown))
        page.keyboard.press("ArrowRight")

    assert found == [("all", 9, 3), ("reproduced", 4, 1), ("not", 1, 1), ("open", 4, 1), ("failed", 0, 1)]
    assert page.trouble == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
