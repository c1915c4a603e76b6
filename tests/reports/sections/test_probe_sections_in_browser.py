"""The sections of the probes in a browser: they draw, and the film moves when it is asked to."""

import json

import numpy as np
import pandas as pd
import pytest

import probes_reports
from probes.runs.writer import write_probe_frame

EPOCHS = (0, 1, 3, 12)


def write_maps(view):
    """Maps of two wrong labels: the first pixel counts less with the epochs, the last speaks for the given label."""
    for epoch in EPOCHS:
        rows = [
            (np.int32(epoch), "train", example, "integrated_gradients", label,
             np.array([sign * 4.0 / (1 + epoch), 0, 0, label == "given"], np.float32))
            for example in (0, 3)
            for label, sign in (("given", 1), ("true", -1))
        ]  # fmt: skip
        frame = pd.DataFrame(rows, columns=["epoch", "split", "example", "method", "label", "map"])
        metadata = {"map_shape": json.dumps([1, 2, 2]), "baseline": "0.0", "panel": "2"}
        write_probe_frame(view.run.path, "attributions", epoch, frame, metadata)


def write_maps_of_two_methods(view):
    """Saliency of the wrong label 6 alone, integrated gradients of the wrong labels 0 and 3 and of the clean 1."""
    write_maps(view)
    for epoch in EPOCHS:
        frame = view.run.probe("attributions")
        rows = [
            (np.int32(epoch), "train", example, method, label, np.array([1.0, 0, 0, 0], np.float32))
            for example, method, labels in (
                (1, "integrated_gradients", ["given"]),
                (6, "saliency", ["given", "true"]),
            )
            for label in labels
        ]
        more = pd.DataFrame(rows, columns=["epoch", "split", "example", "method", "label", "map"])
        joined = pd.concat([frame[frame["epoch"] == epoch], more], ignore_index=True)
        write_probe_frame(view.run.path, "attributions", epoch, joined, {**frame.attrs, "panel": "2"})


@pytest.fixture
def address(small_run, tmp_path, copied, write_critical, write_norms, write_coherence, write_scores):
    view = copied(small_run, tmp_path / "run")
    write_maps(view)
    write_critical(view, dict.fromkeys(EPOCHS, 0.4), dict.fromkeys(EPOCHS, 0.1))
    write_norms(view, lambda epoch, noisy: 2.0 + noisy)
    groups = {(group, name): 1.5 for group in ("clean", "noisy") for name in ("m_coherence", "gsnr_mean")}
    write_coherence(view, {epoch: {**groups, ("clean/noisy", "cosine_of_means"): -0.5} for epoch in EPOCHS})
    view = write_scores(view, vog=np.arange(60.0), gradient_norm=view.scores["mean_loss"].to_numpy())
    return probes_reports.build(view.run.path, tmp_path / "page.html").as_uri()


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (375, "dark")])
def test_every_new_section_draws_within_the_screen(browser, address, width, theme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page, errors = context.new_page(), []
    page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)

    for key in ("gradients", "critical_samples", "correlations", "attributions"):
        plots = page.locator(f"#{key} [data-plot]").all()
        assert plots, key
        for plot in plots:
            plot.scroll_into_view_if_needed()
            page.wait_for_function("figure => figure.dataset.drawn === 'true'", arg=plot.element_handle())
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_the_film_moves_by_keyboard_or_by_play_and_not_by_itself(browser, address):
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.goto(address)
    pixel = "[...document.querySelector('.film canvas').getContext('2d').getImageData(0, 0, 1, 1).data].join()"
    slider, shown = page.locator("#film-epoch"), page.locator(".film output")
    start = page.evaluate(pixel)

    page.wait_for_timeout(1200)
    assert (shown.inner_text(), page.evaluate(pixel)) == ("3", start)

    slider.focus()
    page.keyboard.press("ArrowRight")
    assert shown.inner_text() == "12"
    assert page.evaluate(pixel) != start
    page.keyboard.press("Home")
    assert shown.inner_text() == "1"

    page.locator(".film-play").press("Enter")
    assert page.locator(".film-play").get_attribute("aria-pressed") == "true"
    page.wait_for_function("document.querySelector('.film output').textContent === '12'")
    assert page.locator(".film-play").get_attribute("aria-pressed") == "false"  # it stops at the end
    context.close()


def test_the_film_follows_theme_and_chooser(browser, address):
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.goto(address)
    pixel = "[...document.querySelector('.film canvas').getContext('2d').getImageData(0, 0, 1, 1).data].join()"

    assert page.evaluate(pixel) == "213,94,0,255"  # vermillion: for the wrong label
    page.check("input[name=attribution_map][value=integrated_true]")
    assert page.evaluate(pixel) == "100,110,122,255"  # grey: against the true one
    page.check("input[name=attribution_map][value=integrated_given]")
    page.click("#theme")
    page.click("#theme")
    page.wait_for_function(f"{pixel} === '240,132,67,255'")
    context.close()


def test_rows_and_film_are_of_the_examples_that_have_the_chosen_map(browser, small_run, tmp_path, copied):
    view = copied(small_run, tmp_path / "run")
    write_maps_of_two_methods(view)
    address = probes_reports.build(view.run.path, tmp_path / "page.html").as_uri()
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(address)
    rows = "[...document.querySelectorAll('.map-row[role=group]')].filter(row => !row.hidden).map(row => row.ariaLabel)"
    cards = "[...document.querySelectorAll('.film-cards li')].filter(card => !card.hidden).map(card => card.title)"
    clear = """[...document.querySelectorAll('.film-cards li')].filter(card => !card.hidden).some(card =>
        !card.querySelector('canvas').getContext('2d').getImageData(0, 0, 2, 2).data.some(value => value))"""

    assert set(page.evaluate(rows)) == {"example 0", "example 3"}
    assert set(page.evaluate(cards)) == {"example 0", "example 3", "example 1"}
    assert not page.evaluate(clear)
    page.check("input[name=attribution_map][value=saliency_true]")
    assert page.evaluate(rows) == page.evaluate(cards) == ["example 6"]
    assert not page.evaluate(clear)
    assert page.locator(".film-head").nth(1).inner_text().strip() == "No clean example has this map."
    context.close()
