"""Published experiments, re-measured: one file each, and the frame that carries them out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from probes.errors import unknown_name

if TYPE_CHECKING:
    from probes.studies.backends import BACKENDS
    from probes.studies.data import check_data
    from probes.studies.folder import read_json
    from probes.studies.scale import Scale
    from probes.studies.scoreboard import refresh_scoreboard, write_scoreboard
    from probes.studies.study import Study, StudyProgress, run_study

__all__ = [
    "BACKENDS",
    "STUDIES",
    "Scale",
    "Study",
    "StudyProgress",
    "check_data",
    "get_study",
    "read_json",
    "refresh_scoreboard",
    "run_study",
    "write_scoreboard",
]

# name -> what it asks, for `probe list studies`; the file has the same name, with _ for -
STUDIES: dict[str, str] = {
    "randomization": "Can a network fit random labels and random inputs, and what does it cost? (Zhang et al. 2017)",
    "depth": "Does depth help when labels are partly wrong? (put to Zhang et al. 2017)",
    "regularization": "Do regularisers explain generalisation, and do they keep noise out? (Zhang, Arpit et al. 2017)",
    "expressivity": "How large must a network be to memorize n examples? (Zhang et al. 2017)",
    "linear": "Do linear models interpolate too, and which solution is found? (Zhang et al. 2017)",
    "first-epoch": "Are some examples easy for every network after one epoch? (Arpit et al. 2017)",
    "capacity": "What do fewer units and more examples cost, for patterns and noise? (Arpit et al. 2017)",
    "patterns-first": "Does a network learn the pattern before it memorizes the noise? (Arpit et al. 2017)",
    "sensitivity": "How unequally do training examples matter? (Arpit et al. 2017)",
    "critical-samples": "How does memorizing noise change decision boundaries? (Arpit et al. 2017)",
    "information-plane": "Do layers compress what they know of the input? (Shwartz-Ziv & Tishby 2017)",
    "memorization": "Which examples are memorized, and whom does that help? (Feldman and Zhang 2020)",
    "second-split": "Does going on with other examples reveal memorized labels? (Maini et al. 2022)",
    "double-descent": "Does test error fall again past interpolation? (Nakkiran et al. 2020)",
    "skill-acquisition": "How efficiently do model families turn examples into skill? (after Chollet 2019)",
}

_HOMES = {
    "BACKENDS": "backends",
    "Scale": "scale",
    "Study": "study",
    "StudyProgress": "study",
    "check_data": "data",
    "read_json": "folder",
    "refresh_scoreboard": "scoreboard",
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
