"""Published experiments, re-measured: one file each, and the frame that carries them out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from probes.errors import unknown_name

if TYPE_CHECKING:
    from probes.studies.backends import BACKENDS
    from probes.studies.folder import read_json
    from probes.studies.scale import Scale
    from probes.studies.scoreboard import write_scoreboard
    from probes.studies.study import Study, StudyProgress, run_study

__all__ = [
    "BACKENDS",
    "STUDIES",
    "Scale",
    "Study",
    "StudyProgress",
    "get_study",
    "read_json",
    "run_study",
    "write_scoreboard",
]

# name -> what it asks, for `probe list studies`; the file has the same name, with _ for -
STUDIES: dict[str, str] = {
    "first-epoch": "Are some examples easy for every network after one epoch? (Arpit et al. 2017)",
    "memorization": "Which examples are memorized, and whom does that help? (Feldman and Zhang 2020)",
    "patterns-first": "Does a network learn the pattern before it memorizes the noise? (Arpit et al. 2017)",
}

_HOMES = {
    "BACKENDS": "backends",
    "Scale": "scale",
    "Study": "study",
    "StudyProgress": "study",
    "read_json": "folder",
    "run_study": "study",
    "write_scoreboard": "scoreboard",
}


def get_study(name: str) -> Study:
    """The study of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in STUDIES:
        raise unknown_name("study", name, STUDIES)
    study: Study = import_module(f"probes.studies.{name.replace('-', '_')}").STUDY
    return study


def __getattr__(name: str) -> Any:
    """Load what is not light where it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'probes.studies' has no attribute {name!r}")
    return getattr(import_module(f"probes.studies.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
