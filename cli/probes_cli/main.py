"""The entry point `probe`: finds a command by name and loads only that one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

import probes
from probes.errors import unknown_name
from probes_cli.exits import exit_code_of, terminable
from probes_cli.options import name_variables
from probes_cli.output import short_warnings

__all__ = ["COMMANDS", "LazyGroup", "main"]

COMMANDS = {
    "train": "probes_cli.train",
    "report": "probes_cli.report",
    "summary": "probes_cli.summary",
    "scores": "probes_cli.scores",
    "audit": "probes_cli.audit",
    "measure": "probes_cli.measure",
    "import": "probes_cli.import_",
    "study": "probes_cli.study",
    "list": "probes_cli.list",
}

SETTINGS = {"show_default": True, "max_content_width": 100}
EPILOG = """\b
Start here:
  probe train --noise 0.4       train on digits, four labels in ten redrawn
  probe report                  draw the newest run as one HTML page
Any option can come from the environment: PROBE_TRAIN_NOISE=0.4 probe train
"""


class LazyGroup(click.Group):
    """A group that imports a command when it is used, and exits as docs/command-line.md says."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of the command line and keep them: a run remembers the command that made it."""
        ctx.obj = tuple(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        name_variables(command, f"PROBE_{cmd_name}")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise unknown_name("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what click has its own way with becomes an exit code before it sees it."""
        try:
            with terminable(), short_warnings():
                return super().invoke(ctx)
        except (KeyboardInterrupt, BrokenPipeError) as end:
            raise click.exceptions.Exit(exit_code_of(end)) from end

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line and exit: with 0, or with one line on stderr and the code of its kind."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except (Exception, KeyboardInterrupt) as error:  # exit_code_of raises again what is a mistake of ours
            code = exit_code_of(error)
        raise SystemExit(code if isinstance(code, int) else 0)


@click.group(cls=LazyGroup, invoke_without_command=True, epilog=EPILOG, context_settings=SETTINGS)
@click.version_option(probes.__version__, prog_name="probe", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """See, example by example, how a network learns the pattern first and memorizes the noise later."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
