"""The colours of a group of examples: as an area or a line, and as text."""

from __future__ import annotations

from typing import Literal

from probes_reports.palette import LIGHT

__all__ = ["FILL", "TEXT", "Role"]

Role = Literal["clean", "noisy", "all"]  # "all": the true labels are unknown
FILL: dict[Role, str] = {"clean": LIGHT.clean, "noisy": LIGHT.noisy, "all": LIGHT.ink_3}
TEXT: dict[Role, str] = {"clean": LIGHT.clean_text, "noisy": LIGHT.noisy_text, "all": LIGHT.ink_2}
