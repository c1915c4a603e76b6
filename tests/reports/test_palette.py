"""Colours that can be read, and told apart."""

from dataclasses import fields

import pytest

from probes_reports.palette import DARK, LIGHT, contrast, dark_twins, fade

TEXTS = ("ink", "ink_2", "ink_3", "clean_text", "noisy_text", "true_text", "highlight_text")
SERIES = tuple(f"series_{place}" for place in range(1, 6))


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("token", TEXTS + SERIES)
def test_text_reaches_a_contrast_of_4_5_on_page_and_panel(theme, token):
    assert contrast(getattr(theme, token), theme.page) >= 4.5
    assert contrast(getattr(theme, token), theme.panel) >= 4.5


def test_contrast_agrees_with_known_values():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_green_and_vermillion_areas_differ_in_luminance(theme):
    """Side by side, vermillion and the green of the lines would merge in print."""
    assert contrast(theme.true_area, theme.noisy) > 1.6
    assert contrast(theme.true_area, theme.noisy) > contrast(theme.true, theme.noisy)


def test_no_two_tokens_share_a_light_value():
    """The page finds the dark colour by the light one."""
    assert len(dark_twins()) == len(fields(LIGHT))


def test_fade_keeps_the_colour():
    assert fade("#0072b2", 0.25) == "rgba(0,114,178,0.25)"
