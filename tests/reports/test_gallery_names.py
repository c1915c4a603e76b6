"""Names of classes on the cards of a run's page can be read."""

import pytest

import probes_reports


@pytest.mark.slow
def test_a_name_of_two_words_is_not_cut(browser, make_run, tmp_path):
    run = make_run(classes=["bouleau blanc", "chêne vert", "day time", "<b>"])
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(probes_reports.build(run.path, tmp_path / "page.html").as_uri())
    names = page.locator(".card dd").all()

    assert "bouleau blanc" in {name.inner_text() for name in names}
    assert all(
        name.evaluate("e => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight") for name in names
    )
    page.close()
