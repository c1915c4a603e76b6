"""Every colour of the page, light and dark.

Figures are drawn with the light values only. The page replaces each by its dark twin when the theme is
dark, so no two tokens may share a light value.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["DARK", "LIGHT", "Palette", "contrast", "dark_twins", "fade"]


@dataclass(frozen=True)
class Palette:
    """One theme. `*_text` variants reach a contrast of 4.5:1 on the page; `on_area` is text over a filled area.

    `series_*` are for what is neither clean nor noisy; they reach that contrast too."""

    page: str
    panel: str
    rule: str
    rule_strong: str
    ink: str
    ink_2: str
    ink_3: str
    clean: str
    clean_text: str
    noisy: str
    noisy_text: str
    true: str
    true_text: str
    true_area: str
    other_area: str
    highlight: str
    highlight_text: str
    clean_wash: str
    noisy_wash: str
    on_area: str
    series_1: str
    series_2: str
    series_3: str
    series_4: str
    series_5: str


LIGHT = Palette(
    page="#ffffff",
    panel="#f6f7f9",
    rule="#e3e6ea",
    rule_strong="#cfd4da",
    ink="#14181d",
    ink_2="#48515c",
    ink_3="#646e7a",
    clean="#0072b2",
    clean_text="#00639b",
    noisy="#d55e00",
    noisy_text="#b34e00",
    true="#009e73",
    true_text="#00775a",
    true_area="#5cc2a0",
    other_area="#e0e4e8",
    highlight="#cc79a7",
    highlight_text="#a3427b",
    clean_wash="rgba(0,114,178,0.07)",
    noisy_wash="rgba(213,94,0,0.07)",
    on_area="#fefefe",
    series_1="#946800",
    series_2="#b8336a",
    series_3="#8447b8",
    series_4="#3f4aa6",
    series_5="#1d4650",
)

DARK = Palette(
    page="#11151a",
    panel="#181d24",
    rule="#262d36",
    rule_strong="#39424d",
    ink="#eceff2",
    ink_2="#b3bbc5",
    ink_3="#87919d",
    clean="#4aa8e0",
    clean_text="#6bbcec",
    noisy="#f08443",
    noisy_text="#f79a62",
    true="#2bbd92",
    true_text="#43cda3",
    true_area="#17866a",
    other_area="#2f3741",
    highlight="#e09ac2",
    highlight_text="#e8abce",
    clean_wash="rgba(74,168,224,0.1)",
    noisy_wash="rgba(240,132,67,0.1)",
    on_area="#0e1216",
    series_1="#d9a93d",
    series_2="#f083ab",
    series_3="#bf95ee",
    series_4="#929cf2",
    series_5="#7fb4bd",
)


def fade(colour: str, alpha: float) -> str:
    """Return a hex colour with an opacity, as `rgba(r,g,b,a)`; the page finds the dark twin of these too."""
    red, green, blue = _channels(colour)
    return f"rgba({red},{green},{blue},{alpha:g})"


def dark_twins() -> dict[str, str]:
    """Map every light colour to its dark one."""
    return {getattr(LIGHT, field.name): getattr(DARK, field.name) for field in fields(Palette)}


def contrast(colour: str, background: str) -> float:
    """Contrast ratio of two hex colours, 1 to 21.

    Source:
        WCAG 2.2, definitions of relative luminance and contrast ratio, https://www.w3.org/TR/WCAG22/
    """
    lighter, darker = sorted((_luminance(colour), _luminance(background)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _channels(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
