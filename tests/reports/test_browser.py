"""The page in a browser: it draws, it is quiet, it asks nobody for anything."""

import pytest

import probes_reports


@pytest.fixture(scope="module")
def address(small_run, tmp_path_factory):
    return probes_reports.build(small_run.path, tmp_path_factory.mktemp("page") / "report.html").as_uri()


class Loaded:
    """An opened page and everything it complained about or asked for."""

    def __init__(self, browser, address, **context):
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.errors, self.requests = [], []
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: (self.errors.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.goto(address)

    def draw_everything(self):
        """Scroll to each figure and wait until it is drawn."""
        for plot in self.page.locator("[data-plot]").all():
            plot.scroll_into_view_if_needed()
            self.page.wait_for_function("figure => figure.dataset.drawn === 'true'", arg=plot.element_handle())

    def close(self):
        self.context.close()


@pytest.fixture(params=[(1440, 900), (375, 812)], ids=["laptop", "phone"])
def loaded(request, browser, address):
    width, height = request.param
    opened = Loaded(browser, address, viewport={"width": width, "height": height})
    yield opened
    opened.close()


def test_every_plot_draws_without_an_error_or_a_request(loaded, address):
    loaded.draw_everything()

    assert loaded.errors == []
    assert [url for url in loaded.requests if url != address and not url.startswith(("data:", "blob:"))] == []
    assert loaded.page.locator(".no-webgl").count() == 0
    plots = loaded.page.locator("[data-plot]")
    assert plots.count() >= 2
    for plot in plots.all():
        assert plot.locator("svg.main-svg").count() > 0
        marks = "path, rect.bar, image, .heatmaplayer image, .point"
        assert plot.locator(".plot, .cartesianlayer").first.locator(marks).count() > 0


def test_the_page_is_as_wide_as_the_screen(loaded):
    loaded.draw_everything()
    wide = loaded.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")

    assert wide[0] <= wide[1]


def test_plotly_shows_a_hostile_class_name_as_text(loaded):
    loaded.draw_everything()

    assert loaded.page.locator("img[onerror]").count() == 0
    assert loaded.errors == []


def test_hero_is_above_the_fold_of_a_laptop(browser, address):
    opened = Loaded(browser, address, viewport={"width": 1440, "height": 900})
    opened.page.wait_for_selector("#plot-learning[data-drawn=true]")

    bottom = opened.page.locator("#plot-learning .xtitle").bounding_box()
    assert bottom["y"] + bottom["height"] <= 900
    opened.close()


def test_the_theme_button_changes_page_and_figures(browser, address):
    opened = Loaded(browser, address, viewport={"width": 1440, "height": 900}, color_scheme="light")
    page = opened.page
    page.wait_for_selector("#plot-learning[data-drawn=true]")
    strokes = "[...document.querySelectorAll('#plot-learning .js-line')].map(l => getComputedStyle(l).stroke).join()"
    light = page.evaluate(strokes)

    page.click("#theme")
    page.click("#theme")
    page.wait_for_function(f"({strokes}) !== {light!r}")

    assert page.locator("#theme").inner_text() == "Theme: dark"
    assert "rgb(74, 168, 224)" in page.evaluate(strokes)
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(17, 21, 26)"
    opened.close()


def test_tooltip_names_the_integer_epoch(browser, address):
    opened = Loaded(browser, address, viewport={"width": 1440, "height": 900})
    page = opened.page
    page.wait_for_selector("#plot-learning[data-drawn=true]")
    area = page.locator("#plot-learning .nsewdrag").first.bounding_box()
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    page.wait_for_selector("#plot-learning .hoverlayer .legendtitletext")

    title = page.locator("#plot-learning .hoverlayer .legendtitletext").text_content()
    assert title.split()[0] == "epoch"
    assert title.split()[1].isdigit()
    opened.close()


def test_how_to_read_opens_from_the_keyboard(browser, address):
    opened = Loaded(browser, address, viewport={"width": 1440, "height": 900})
    control = opened.page.locator("[aria-controls=learning-read]")

    control.focus()
    opened.page.keyboard.press("Enter")

    assert control.get_attribute("aria-expanded") == "true"
    assert opened.page.locator("#learning-read").is_visible()
    opened.close()


def test_csv_holds_what_the_figure_draws(browser, address, small_run):
    opened = Loaded(browser, address, viewport={"width": 1440, "height": 900})
    opened.page.wait_for_selector("#plot-learning[data-drawn=true]")

    with opened.page.expect_download() as download:
        opened.page.click("[data-csv=learning]")

    import pandas as pd

    table = pd.read_csv(download.value.path())
    clean = table[table["series"] == "clean examples"].set_index("epoch")["share"]
    rows = small_run.epochs
    expected = rows[rows["group"] == "train/clean"].set_index("epoch")["accuracy"]
    assert clean.to_dict() == pytest.approx(expected.to_dict())
    opened.close()


def test_touch_scrolls_the_page_not_the_plot(browser, address):
    opened = Loaded(browser, address, viewport={"width": 375, "height": 812}, has_touch=True, is_mobile=True)
    page = opened.page
    page.locator("#plot-learning").scroll_into_view_if_needed()
    page.wait_for_selector("#plot-learning[data-drawn=true]")
    area = page.locator("#plot-learning .nsewdrag").first.bounding_box()
    session = opened.context.new_cdp_session(page)
    x, y, before = area["x"] + 100, min(area["y"] + area["height"] - 20, 780), page.evaluate("scrollY")

    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 15):
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y - 12 * step}]})
        page.wait_for_timeout(16)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    page.wait_for_function(f"Math.abs(scrollY - {before}) > 50")
    opened.close()


def test_printing_draws_every_figure_in_the_light_theme(browser, address):
    opened = Loaded(browser, address, viewport={"width": 1440, "height": 900}, color_scheme="dark")
    opened.page.wait_for_selector("#plot-learning[data-drawn=true]")

    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")

    for plot in opened.page.locator("[data-plot]").all():
        opened.page.wait_for_function("figure => figure.dataset.drawn === 'true'", arg=plot.element_handle())
    strokes = opened.page.evaluate("getComputedStyle(document.querySelector('#plot-learning .js-line')).stroke")
    assert strokes == "rgb(20, 24, 29)"
    opened.close()


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (375, "light")])
def test_a_comparison_draws_everything_within_the_screen(browser, small_run, make_run, tmp_path, width, theme):
    page = probes_reports.build([small_run.path, make_run(epochs=5).path], tmp_path / "compared.html").as_uri()
    opened = Loaded(browser, page, viewport={"width": width, "height": 900}, color_scheme=theme)
    opened.draw_everything()

    assert opened.errors == []
    assert [url for url in opened.requests if url != page and not url.startswith(("data:", "blob:"))] == []
    assert opened.page.locator("[data-plot]").count() >= 6
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()
