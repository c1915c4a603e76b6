"""Options in named sections, so that a long --help reads like a page, and types that commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from probes.errors import ConfigError

__all__ = [
    "EPOCH_LIST",
    "SEEDS",
    "WINDOW",
    "OutFile",
    "SectionedCommand",
    "json_option",
    "name_variables",
    "option",
    "run_argument",
]

NAMES_WIDTH = 28  # of the column of option names in --help
F = TypeVar("F", bound=Callable[..., Any])


class SectionedOption(click.Option):
    """An option that knows the section of --help it belongs to."""

    def __init__(self, *args: Any, section: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose --help lists its options under the headings of their sections, in order of declaration."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", "Help"), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl([(names.ljust(NAMES_WIDTH), text) for names, text in records], col_max=NAMES_WIDTH)


def option(section: str, *names: str, **settings: Any) -> Callable[[F], F]:
    """`click.option`, in a section of --help."""
    return click.option(*names, cls=SectionedOption, section=section, **settings)


def name_variables(command: click.Command, prefix: str) -> None:
    """Let every option of a command, and of the commands within it, come from the environment.

    The variable is named as the option is typed, `PROBE_TRAIN_BATCH_SIZE`; click alone would take the name of the
    Python parameter.

    Args:
        command: its options are changed in place.
        prefix: what the names of its variables begin with.
    """
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            long = next(name for name in parameter.opts if name.startswith("--"))
            parameter.envvar = f"{prefix}_{long.removeprefix('--')}".replace("-", "_").upper()
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            name_variables(inner, f"{prefix}_{name}")


class EpochList(click.ParamType):
    """Epochs separated by commas, such as 0,1,2,5."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        try:
            return tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of epochs such as 0,1,2,5.", param, ctx)


class Seeds(click.ParamType):
    """Seeds from one to another, such as 0-4, or single ones with commas, such as 0,3,7."""

    name = "A-B"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        seeds: list[int] = []
        try:
            for part in value.split(","):
                first, dash, last = part.partition("-")
                seeds += range(int(first), int(last) + 1) if dash else [int(first)]
        except ValueError:
            seeds = []
        if not seeds or len(set(seeds)) < len(seeds) or len(seeds) > 1000:
            self.fail(f"{value!r} does not name seeds, each once, such as 0-4 or 0,3,7.", param, ctx)
        return tuple(seeds)


class Window(click.ParamType):
    """Two epochs with a dash between them, such as 1-10: from one to the other, both included."""

    name = "A-B"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        first, _, last = value.partition("-")
        try:
            return int(first), int(last)
        except ValueError:
            self.fail(f"{value!r} is not a window of epochs such as 1-10.", param, ctx)


class OutFile(click.Path):
    """A file to be written, checked before any work.

    Args:
        endings: what its name may end in, with the dot; anything where none is given.
    """

    def __init__(self, *endings: str) -> None:
        super().__init__(path_type=Path)
        self._endings = endings

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        if path.is_dir():
            raise ConfigError(f"out must be a file, got the folder {path}.")
        if self._endings and path.suffix not in self._endings:
            raise ConfigError(f"out must end in {' or '.join(self._endings)}, got {str(path)!r}.")
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if not (above.is_dir() and os.access(above, os.W_OK)):
            raise ConfigError(f"cannot write {path}: {above} is not a folder that can be written to.")
        return path


EPOCH_LIST = EpochList()
SEEDS = Seeds()
WINDOW = Window()

run_argument = click.argument("run", required=False, type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
