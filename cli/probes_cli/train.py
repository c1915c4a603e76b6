"""`probe train`: one run, recorded example by example."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probes.data import DATASETS, NOISE_KINDS
from probes.errors import ProbeError
from probes.models import MODELS
from probes.training import MEASURES, TrainConfig
from probes_cli.exits import interrupt_code
from probes_cli.findings import findings
from probes_cli.options import EPOCH_LIST, SectionedCommand, option
from probes_cli.output import columns, duration, echo_json, percent, say, size, visible
from probes_cli.progress import Display, NoDisplay, display
from probes_cli.runs import refuse_existing

if TYPE_CHECKING:
    from probes.runs.run import Run
    from probes.training import EpochProgress

__all__ = ["command"]

EPILOG = """\b
Examples:
  probe train --noise 0.4
  probe train --noise 0.2 --noise-kind uniform_other --epochs 60 --seed 1
  RUN=$(probe train --noise 0.4 --quiet) && probe report "$RUN"
"""


def _one_of(names: Iterable[str]) -> str:
    return f"[{'|'.join(names)}]"


@click.command("train", cls=SectionedCommand, epilog=EPILOG)
@option("Data", "--dataset", metavar=_one_of(DATASETS), default=TrainConfig.dataset, help="What to train on.")
@option("Noise", "--noise", type=float, default=TrainConfig.noise, help="Share of labels drawn for noise, in [0, 1].")
@option(
    "Noise",
    "--noise-kind",
    metavar=_one_of(NOISE_KINDS),
    default=TrainConfig.noise_kind,
    help="What happens to a drawn label; see `probe list noise-kinds`.",
)
@option("Model", "--model", metavar=_one_of(MODELS), default=TrainConfig.model, help="The network.")
@option("Model", "--width", type=int, default=TrainConfig.width, help="Units of a hidden layer.")
@option("Model", "--depth", type=int, default=TrainConfig.depth, help="Hidden layers.")
@option("Training", "--epochs", type=int, default=TrainConfig.epochs, help="Passes over the training set.")
@option("Training", "--lr", type=float, default=TrainConfig.lr, help="Learning rate of SGD.")
@option("Training", "--momentum", type=float, default=TrainConfig.momentum, help="Momentum of SGD, in [0, 1).")
@option("Training", "--batch-size", type=int, default=TrainConfig.batch_size, help="Examples per step.")
@option("Seeds", "--seed", type=int, default=TrainConfig.seed, help="Of noise, initial weights and order alike.")
@option(
    "Seeds", "--split-seed", type=int, default=TrainConfig.split_seed, help="Of the training, validation, test split."
)
@option("Seeds", "--noise-seed", type=int, show_default="--seed", help="Of the noise alone.")
@option("Seeds", "--init-seed", type=int, show_default="--seed", help="Of the initial weights alone.")
@option("Seeds", "--order-seed", type=int, show_default="--seed", help="Of the order of examples alone.")
@option(
    "Recording",
    "--measure",
    metavar=_one_of(MEASURES),
    default=TrainConfig.measure,
    help="Read signals in a pass of their own after each epoch, while training, or both.",
)
@option(
    "Recording",
    "--probe",
    multiple=True,
    metavar="NAME",
    help="Record a probe beside `attributions` (repeatable); `none` records no probe at all.",
)
@option(
    "Recording",
    "--probe-epochs",
    type=EPOCH_LIST,
    show_default="0, 1, 2, 5, 10, ..., last",
    help="When probes measure.",
)
@option(
    "Recording",
    "--checkpoint-epochs",
    type=EPOCH_LIST,
    show_default="0, 1, 2, 5, 10, ..., last",
    help="When the weights are kept.",
)
@option("Running", "--out", type=click.Path(path_type=Path), show_default="a fresh one in runs/", help="Run folder.")
@option("Running", "--overwrite", is_flag=True, help="Replace a run that is already there.")
@option("Running", "--device", default=TrainConfig.device, metavar="NAME", help="auto, cpu, cuda, cuda:1, ...")
@option("Running", "--threads", type=int, show_default="what suits the size", help="CPU threads.")
@option("Running", "--dry-run", is_flag=True, help="Say what would be trained, how long and how large; write nothing.")
@option("Output", "--json", "as_json", is_flag=True, help="Print the summary as JSON instead of the run folder.")
@option("Output", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
@click.pass_context
def command(
    ctx: click.Context, out: Path | None, overwrite: bool, dry_run: bool, as_json: bool, quiet: bool, **fields: Any
) -> None:
    """Train on noisy labels, recording every example.

    Prints the run folder; progress goes to stderr.
    """
    config = TrainConfig(**fields)  # its fields are the options above, by name
    if out is not None and not overwrite:
        refuse_existing(out)
    if dry_run:
        _print_plan(config, out, as_json)
        return
    run = _train(config, out, overwrite, quiet, shlex.join(["probe", *ctx.obj]))
    summary = run.summary() if as_json or not quiet else {}
    if not quiet:
        say("\n".join([*findings(summary), f"See it: probe report {shlex.quote(str(run.path))}"]))
    if as_json:
        echo_json(summary)
    else:
        click.echo(run.path)


def _train(config: TrainConfig, out: Path | None, overwrite: bool, quiet: bool, typed: str) -> Run:
    follower = _Follower()
    try:
        with display(config.epochs, quiet=quiet) as shown:
            from probes.training import train  # loads torch: only once the options are known to be good

            follower.display = shown
            return train(config, out, on_epoch=follower, overwrite=overwrite, command=typed)
    except OSError as error:
        if follower.last is None:
            raise
        kept = f"Everything up to epoch {follower.last.epoch} is kept."
        raise ProbeError(f"cannot write {follower.last.folder}: {error.strerror or error}. {kept}") from error
    except KeyboardInterrupt as interrupt:
        say(follower.stopped(interrupt_code(interrupt)))
        raise click.exceptions.Exit(interrupt_code(interrupt)) from interrupt


class _Follower:
    """Introduces the run once it exists, then shows each of its epochs, and knows how far it came.

    Attributes:
        display: where to.
        last: what is known after the last epoch; None before the run exists.
    """

    def __init__(self) -> None:
        self.display: Display = NoDisplay()
        self.last: EpochProgress | None = None

    def __call__(self, progress: EpochProgress) -> None:
        if self.last is None:
            from probes import open_run

            self.display.say("\n".join(_introduction(open_run(progress.folder))))
        self.last = progress
        self.display.show(progress)

    def stopped(self, code: int) -> str:
        """What to say of a run that was stopped."""
        what = "Terminated" if code == 143 else "Interrupted"
        if self.last is None:
            return f"{what} before training began."
        from probes import open_run

        folder = shlex.quote(str(self.last.folder))
        kept = open_run(self.last.folder).num_epochs  # perhaps one more than was shown
        return f"{what} after epoch {kept}, which is kept: probe report {folder}"


def _introduction(run: Run) -> list[str]:
    """What is trained, on what, with which noise, and where it goes: from run.json."""
    dataset, model = run.meta["dataset"], run.meta["model"]
    epochs, folder = run.config["epochs"], visible(str(run.path))
    sizes = _sizes(dataset["splits"])
    return [
        f"Training {model['description']} ({model['parameters']:,} parameters) on {dataset['name']}: {sizes} examples.",
        f"Noise: {_noise(run.meta['corruption'])}.",
        f"Recording every example ({run.measure}) at each of {epochs:,} epochs in {folder}",
    ]


def _print_plan(config: TrainConfig, out: Path | None, as_json: bool) -> None:
    from probes.training import plan

    planned = plan(config)
    if as_json:
        echo_json(planned.to_dict())
        return
    sizes = _sizes(planned.splits)
    rows = [
        ("data", f"{planned.dataset}: {sizes} examples, {planned.classes} classes"),
        ("noise", _noise(planned.noise)),
        ("model", f"{planned.model}, {planned.parameters:,} parameters"),
        ("training", f"{planned.epochs:,} epochs, {planned.steps:,} steps"),
        ("recording", f"{config.measure}; probes: {', '.join(planned.probes) or 'none'}"),
        ("device", f"{planned.device}, {planned.threads} CPU thread{'s' if planned.threads > 1 else ''}"),
        ("would take", f"about {duration(max(planned.seconds, 1))}"),
        ("would fill", f"about {size(planned.size_bytes)} in {out or 'a fresh folder of runs/'}"),
    ]
    click.echo(columns(rows))


def _sizes(splits: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {'training' if name == 'train' else name}" for name, count in splits.items())


def _noise(rates: dict[str, Any]) -> str:
    if not rates["requested"]:
        return "none: every label is as it came"
    requested, drawn, realised = (percent(rates[name]) for name in ("requested", "drawn", "realised"))
    return f"{rates['kind']}, {requested} asked for, {drawn} drawn, {realised} of the labels wrong"
