"""`probe train`: one run, recorded example by example."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probes.errors import ProbeError, RunExistsError
from probes.trackers.distributed import launched_rank
from probes.training import LOGGERS, MEASURES, OPTIMIZERS, SCHEDULES, TrainConfig
from probes_cli.ends import nothing_to_train, other_schedule, stopped_early
from probes_cli.exits import interrupt_code, speechless_rank
from probes_cli.findings import findings, never_finite
from probes_cli.following import Follower, followed
from probes_cli.introduction import noise_words, sizes, wrong_labels
from probes_cli.options import EPOCH_LIST, SEEDS, SectionedCommand, option
from probes_cli.output import columns, duration, echo_json, say, size, visible
from probes_cli.progress import display
from probes_cli.runs import refuse_existing
from probes_cli.unused import without_effect

if TYPE_CHECKING:
    from probes.runs.run import Run

__all__ = ["command"]

EPILOG = """\b
Examples:
  probe train --noise 0.4
  probe train --dataset fashion-mnist --model cnn --corrupt uniform_other=0.2 --corrupt gaussian=0.1 --epochs 20
  probe train --dataset folder:photos --model resnet18 --seeds 0-4
  probe train --noise 0.4 --exclude audit/digits/issues.csv
  probe train --resume runs/demo --epochs 200
  RUN=$(probe train --noise 0.4 --quiet) && probe report "$RUN"
"""


def _one_of(names: Iterable[str]) -> str:
    return f"[{'|'.join(names)}]"


def _default(name: str) -> Any:
    return getattr(TrainConfig, name)


FILE = click.Path(exists=True, dir_okay=False)


@click.command("train", cls=SectionedCommand, epilog=EPILOG)
@option("Data", "--dataset", metavar="NAME", default="digits", help="What to train on; see `probe list datasets`.")
@option("Data", "--data-root", metavar="DIR", show_default="data", help="Where downloaded data lie.")
@option("Data", "--download", is_flag=True, help="Get torchvision's data where they are not there.")
@option("Data", "--label-column", metavar="NAME", help="Of a table.")
@option("Data", "--subset", type=int, metavar="N", help="Train on N examples only, drawn by class.")
@option("Data", "--given-labels", type=FILE, help="Labels that training is told: a table of id and label.")
@option("Data", "--exclude", type=FILE, help="Examples to leave out: what an audit or a review wrote.")
@option("Data", "--relabel", type=FILE, help="Examples to give other labels, likewise.")
@option("Noise", "--noise", type=float, default=0.0, help="Share of labels drawn for noise, in [0, 1].")
@option(
    "Noise",
    "--noise-kind",
    metavar="KIND",
    default=_default("noise_kind"),
    help="What happens to a drawn label; see `probe list noise-kinds`.",
)
@option(
    "Noise",
    "--corrupt",
    multiple=True,
    metavar="KIND=SHARE",
    help="Noise of any kind, on labels or inputs (repeatable); --noise p --noise-kind k is short for k=p.",
)
@option("Model", "--model", metavar="NAME", default="mlp", help="The network; see `probe list models`.")
@option("Model", "--width", type=int, default=_default("width"), help="Units of a hidden layer of the mlp.")
@option("Model", "--depth", type=int, default=_default("depth"), help="Its hidden layers.")
@option("Model", "--dropout", type=float, default=0.0, help="Share of hidden units left out in training.")
@option("Model", "--input-dropout", type=float, default=0.0, help="Share of inputs left out in training.")
@option("Model", "--batch-norm/--no-batch-norm", default=None, show_default="the model's own", help="Normalise or not.")
@option("Training", "--epochs", type=int, default=_default("epochs"), help="Passes over the training set.")
@option("Training", "--lr", type=float, default=_default("lr"), help="Learning rate.")
@option("Training", "--batch-size", type=int, default=_default("batch_size"), help="Examples per step.")
@option("Training", "--optimizer", metavar=_one_of(OPTIMIZERS), default="sgd", help="How weights move.")
@option("Training", "--momentum", type=float, default=_default("momentum"), help="Momentum of SGD, in [0, 1).")
@option("Training", "--weight-decay", type=float, default=0.0, help="Coefficient.")
@option("Training", "--schedule", metavar=_one_of(SCHEDULES), default="constant", help="Of the learning rate.")
@option("Training", "--label-smoothing", type=float, default=0.0, help="Of the loss trained on, in [0, 1).")
@option("Training", "--augment", is_flag=True, help="Shift images by up to an eighth; mirror those in colour.")
@option("Training", "--input-noise", type=float, default=0.0, help="Sd of noise added to standardised inputs.")
@option(
    "Training",
    "--early-stopping",
    type=int,
    is_flag=False,
    flag_value=10,
    metavar="[EPOCHS]",
    show_default="off; 10 epochs if given alone",
    help="Stop when validation accuracy has not improved for so long.",
)
@option("Seeds", "--seed", type=int, default=0, help="Of noise, initial weights and order alike.")
@option("Seeds", "--seeds", type=SEEDS, metavar="A-B", help="A run for each of these seeds, sharing the split.")
@option("Seeds", "--split-seed", type=int, default=0, help="Of the training, validation, test split.")
@option("Seeds", "--noise-seed", type=int, show_default="--seed", help="Of the noise alone.")
@option("Seeds", "--init-seed", type=int, show_default="--seed", help="Of the initial weights alone.")
@option("Seeds", "--order-seed", type=int, show_default="--seed", help="Of the order of examples alone.")
@option(
    "Recording",
    "--measure",
    metavar=_one_of(MEASURES),
    default="sweep",
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
@option(
    "Recording",
    "--log",
    multiple=True,
    metavar=_one_of(LOGGERS),
    help="Send each epoch's accuracies and losses there, too (repeatable).",
)
@option("Running", "--out", type=click.Path(path_type=Path), show_default="a fresh one in runs/", help="Run folder.")
@option("Running", "--overwrite", is_flag=True, help="Replace a run that is already there.")
@option(
    "Running",
    "--resume",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Go on with a run where its last checkpoint stands; --epochs may grow.",
)
@option("Running", "--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1, ...")
@option("Running", "--threads", type=int, show_default="what suits the size", help="CPU threads.")
@option("Running", "--dry-run", is_flag=True, help="Say what would be trained, how long and how large; write nothing.")
@option("Output", "--json", "as_json", is_flag=True, help="Print the summary as JSON instead of the run folder.")
@option("Output", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
@click.pass_context
def command(
    ctx: click.Context,
    out: Path | None,
    overwrite: bool,
    resume: Path | None,
    seeds: tuple[int, ...] | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    **fields: Any,
) -> None:
    """Train on noisy labels, recording every example.

    Prints the run folder; progress goes to stderr.
    """
    silent = speechless_rank() is not None  # of several processes the first speaks
    typed = shlex.join(["probe", *ctx.obj])
    if resume is not None:
        _refuse_with_resume(ctx)
        run = _resume(resume, _given(ctx, fields), quiet or silent)
        with _closing([run], quiet or silent):
            _answer([run], quiet, silent, as_json, several=False)
            _refuse_empty([run])
        return
    configs = [TrainConfig(**fields)]  # its fields are the options above, by name
    if seeds is not None:
        if _is_given(ctx, "seed"):
            raise click.UsageError("--seed and --seeds are the same thing: give one of them.")
        configs = [replace(configs[0], seed=seed) for seed in seeds]
    folders = [out if seeds is None or out is None else out.with_name(f"{out.name}-seed{c.seed}") for c in configs]
    for folder in folders:
        if folder is not None and not overwrite and launched_rank() is None:  # several look together, once they met
            refuse_existing(folder)
    if not (quiet or silent):
        for note in without_effect(configs[0], _given(ctx, fields)):
            say(f"Note: {note}.")
    if dry_run:
        if not silent:
            _print_plan(configs[0], folders[0], as_json)
        return
    runs = []
    for config, folder in zip(configs, folders, strict=True):
        runs.append(_train(config, folder, overwrite, quiet or silent, typed))
        if not as_json:
            with _closing(runs[-1:], quiet or silent):
                _answer(runs[-1:], quiet, silent, as_json, several=False)
    with _closing(runs, quiet or silent):
        if as_json:
            _answer(runs, quiet, silent, as_json, several=seeds is not None)
        _refuse_empty(runs)


def _is_given(ctx: click.Context, name: str) -> bool:
    sources = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)
    return ctx.get_parameter_source(name) in sources


def _given(ctx: click.Context, fields: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, not left at their defaults."""
    return {name: value for name, value in fields.items() if _is_given(ctx, name)}


def _refuse_with_resume(ctx: click.Context) -> None:
    for name in ("out", "overwrite", "seeds", "dry_run"):
        if _is_given(ctx, name):
            raise click.UsageError(f"--resume goes on in the run's own folder: leave out --{name.replace('_', '-')}.")


def _answer(runs: list[Run], quiet: bool, silent: bool, as_json: bool, *, several: bool) -> None:
    """Print what came of the runs: folders, or summaries."""
    from probes_reports.majority import majority

    if silent:
        return
    summaries = [run.summary() if as_json or not quiet else {} for run in runs]
    if not quiet:
        for run, summary in zip(runs, summaries, strict=True):
            told = [] if never_finite(summary) else findings(summary, wrong=wrong_labels(run))  # an error says the rest
            caution = [visible(majority(run))] if told else []
            report = f"See it: probe report {shlex.quote(str(run.path))}"
            say("\n".join(line for line in (*told, *caution, report) if line))
    if as_json:
        echo_json(summaries if several else summaries[0])
        return
    for run in runs:
        click.echo(run.path)


@contextmanager
def _closing(runs: list[Run], silent: bool) -> Iterator[None]:
    """Of what stops the last words on runs, say that the runs themselves are whole."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if not silent:
            what = "Terminated" if interrupt_code(interrupt) == 143 else "Interrupted"
            are = "is" if len(runs) == 1 else "are"
            folders = " ".join(shlex.quote(str(run.path)) for run in runs)
            say(f"{what} before the summary was told: {folders} {are} complete. See it: probe report {folders}")
        raise click.exceptions.Exit(interrupt_code(interrupt)) from interrupt


def _refuse_empty(runs: list[Run]) -> None:
    """Fail where nothing could be recorded, once the folders are printed: a script is not to go on with them."""
    for run in runs:
        visits = run.num_examples * run.num_epochs
        if 0 < visits <= (run.meta.get("nonfinite_visits") or 0) and never_finite(run.summary()):
            raise ProbeError(
                f"{run.path}: the network's outputs were not finite, nothing could be recorded. Try a lower --lr."
            )


def _resume(folder: Path, changes: dict[str, Any], quiet: bool) -> Run:
    from probes import open_run

    run = open_run(folder)

    def go(follower: Follower) -> Run:
        from probes.training import is_finished, resume, resumed_config

        follower.resumed, follower.recorded = run, run.num_epochs
        config = resumed_config(run, changes)
        if is_finished(run, config):
            if not quiet:
                say(f"{visible(str(folder))} is complete{nothing_to_train(run, config)}")
            return run
        note = other_schedule(run, config)
        if note and not quiet:
            say(f"Warning: {note}")
        with display(config.epochs, quiet=quiet) as shown:
            follower.display = shown
            resumed = resume(run, config, on_start=follower.start, on_epoch=follower)
            if early := stopped_early(resumed, config):
                shown.say(early)
            return resumed

    return followed(go)


def _train(config: TrainConfig, out: Path | None, overwrite: bool, quiet: bool, typed: str) -> Run:
    def go(follower: Follower) -> Run:
        with display(config.epochs, quiet=quiet) as shown:
            from probes.training import train  # loads torch: only once the options are known to be good

            follower.display = shown
            run = train(config, out, on_start=follower.start, on_epoch=follower, overwrite=overwrite, command=typed)
            if early := stopped_early(run, config):
                shown.say(early)
            return run

    try:
        return followed(go, out)
    except RunExistsError:
        if out is not None and not overwrite:
            refuse_existing(out)  # the same, in terms of the command line
        raise


def _print_plan(config: TrainConfig, out: Path | None, as_json: bool) -> None:
    from probes.training import plan

    planned = plan(config)
    if as_json:
        echo_json(planned.to_dict())
        return
    rows = [
        ("data", f"{planned.dataset}: {sizes(planned.splits)} examples, {planned.classes} classes"),
        ("noise", noise_words(planned.noise, cleaned=config.cleans, relabelled=config.relabel is not None)),
        ("model", f"{planned.model}, {planned.parameters:,} parameters"),
        ("training", f"{planned.epochs:,} epochs, {planned.steps:,} steps"),
        ("recording", f"{config.measure}; probes: {', '.join(planned.probes) or 'none'}"),
        ("device", f"{planned.device}, {planned.threads} CPU thread{'s' if planned.threads > 1 else ''}"),
        ("would take", f"about {duration(max(planned.seconds, 1))}"),
        ("would fill", f"about {size(planned.size_bytes)} in {out or 'a fresh folder of runs/'}"),
    ]
    click.echo(columns(rows))
