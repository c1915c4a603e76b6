"""The colours of a group of examples, as an area or a line and as text; and the dash and the marker that go along."""

from __future__ import annotations

from typing import Literal

from probes_reports.palette import LIGHT

__all__ = ["DASH", "FILL", "KIND_ROLES", "SYMBOL", "TEXT", "KindRole", "Role", "kind_line"]

KindRole = Literal["series_1", "series_2", "series_3", "series_4", "series_5"]
Role = Literal["clean", "noisy", "all", KindRole]  # "all": the true labels are unknown; series: kinds of noise
KIND_ROLES: tuple[KindRole, ...] = ("series_1", "series_2", "series_3", "series_4", "series_5")
FILL: dict[Role, str] = {
    "clean": LIGHT.clean,
    "noisy": LIGHT.noisy,
    "all": LIGHT.ink_3,
    **{role: getattr(LIGHT, role) for role in KIND_ROLES},
}
TEXT: dict[Role, str] = {**FILL, "clean": LIGHT.clean_text, "noisy": LIGHT.noisy_text, "all": LIGHT.ink_2}
DASH: dict[str, str] = dict(
    zip(KIND_ROLES, ("9px,3px", "3px,2px", "12px,3px,3px,3px", "solid", "6px,4px"), strict=True)
)
SYMBOL: dict[str, str] = {
    "noisy": "diamond",
    **dict(zip(KIND_ROLES, ("diamond", "square", "triangle-up", "cross", "triangle-down"), strict=True)),
}
PLAIN_DASHES = ("solid", "9px,3px", "3px,2px")  # that a colour key can tell apart


def kind_line(place: int) -> tuple[KindRole, str]:
    """Colour and dash of the line of the kind at a place, from 0; no two of the first 15 share both.

    The first five have the colours that their groups have in every figure; later ones repeat them with another dash.
    """
    lap, at = divmod(place, len(KIND_ROLES))
    role = KIND_ROLES[at]
    if lap == 0:
        return role, DASH[role]
    own = PLAIN_DASHES.index(DASH[role]) if DASH[role] in PLAIN_DASHES else 1
    return role, PLAIN_DASHES[(own + lap) % len(PLAIN_DASHES)]
