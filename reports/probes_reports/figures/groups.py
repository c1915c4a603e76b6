"""The colours of a group of examples, as an area or a line and as text; and the dash and the marker that go along."""

from __future__ import annotations

from typing import Literal

from probes_reports.palette import LIGHT

__all__ = ["DASH", "FILL", "KIND_ROLES", "SYMBOL", "TEXT", "KindRole", "Role"]

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
