"""`probe audit`: the examples of anyone's data that are most likely mislabeled."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probes.data.words import counted
from probes.errors import ProbeError
from probes_cli.exits import interrupt_code
from probes_cli.introduction import all_left_out
from probes_cli.options import SectionedCommand, option
from probes_cli.output import columns, decimal, duration, echo_json, percent, say, visible
from probes_cli.runs import refuse_existing_audit

if TYPE_CHECKING:
    from probes.audit import Audit, AuditProgress
    from probes.data import Dataset

__all__ = ["command"]

HEAD = 10  # rows of the ranking, and of the classes, that are printed
EPILOG = """\b
Examples:
  probe audit photos/                            images in photos/CLASS/
  probe audit customers.csv --label-column churned
  probe audit photos/ --plant 0.02               with a control: how many planted errors are found
"""


@click.command("audit", cls=SectionedCommand, epilog=EPILOG)
@click.argument("data", metavar="DATA")
@option("Data", "--label-column", metavar="NAME", help="Column of labels, of a table.")
@option("Data", "--given-labels", type=click.Path(path_type=Path), help="Labels from a file, of some examples or all.")
@option("Data", "--data-root", type=click.Path(path_type=Path), show_default="data", help="Folder of downloaded data.")
@option("Data", "--download", is_flag=True, help="Get torchvision's data where they are not there.")
@option(
    "Auditing", "--model", metavar="NAME", show_default="a small one that suits", help="Network, or module:callable."
)
@option("Auditing", "--plant", type=float, metavar="SHARE", help="Make so many labels wrong first, as a control.")
@option("Auditing", "--seed", type=int, default=0, help="Of everything drawn.")
@option("Auditing", "--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1, ...")
@option(
    "Output", "--out", type=click.Path(path_type=Path), show_default="a fresh one in audit/", help="Folder to write."
)
@option("Output", "--overwrite", is_flag=True, help="Replace an audit that is already there.")
@option("Output", "--json", "as_json", is_flag=True, help="Print what was found as JSON instead of the folder.")
@option("Output", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
@click.pass_context
def command(
    ctx: click.Context, data: str, out: Path | None, overwrite: bool, as_json: bool, quiet: bool, **fields: Any
) -> None:
    """Find the examples most likely mislabeled, without knowing a true label.

    DATA is a folder of images by class, an .npz, .csv or .parquet file, module:function, or a name of `probe list
    datasets`. Prints the folder of the audit; progress and findings go to stderr.
    """
    from probes.audit import audit

    if out is not None:
        refuse_existing_audit(out, overwrite)
    follower = _Follower(quiet)
    try:
        found = audit(
            data,
            out,
            overwrite=overwrite,
            command=shlex.join(["probe", *ctx.obj]),
            on_data=follower.introduce,
            on_progress=follower,
            **fields,
        )
    except KeyboardInterrupt as interrupt:
        say(f"{'Terminated' if interrupt_code(interrupt) == 143 else 'Interrupted'}: nothing was written.")
        raise click.exceptions.Exit(interrupt_code(interrupt)) from interrupt
    if not quiet:
        say("\n".join(_findings(found)))
    page = _page(found)
    if not quiet:
        say("\n".join(_next_steps(found, _data_options(data, fields), page)))
    if as_json:
        echo_json({"audit": str(found.path), "report": str(page), **_shown(found)})
    else:
        click.echo(found.path)


def _page(found: Audit) -> Path:
    """Draw the page; where it cannot be written, say that the audit itself is whole."""
    from probes_reports import build

    try:
        return build(found.path)
    except ProbeError as error:
        folder = shlex.quote(str(found.path))
        later = f"The audit itself is complete (issues.csv); probe report {folder} draws the page later."
        raise ProbeError(f"{error} {later}") from error


class _Follower:
    """Says what is audited, then how far it has come: a redrawn line in a terminal, one per round elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._live = quiet, sys.stderr.isatty()

    def introduce(self, dataset: Dataset, model: str) -> None:
        """The data and the network, and notes on how the data were read."""
        if self._quiet:
            return
        classes = f"{len(dataset.train):,} examples of {len(dataset.classes):,} classes"
        say(f"Auditing {visible(dataset.name)}: {classes}, with networks of the kind {model}.")
        for note in dataset.notes:
            say(f"Note: {visible(note)}")
        for note in all_left_out(dataset.left_out, "audit.json"):
            say(note)

    def __call__(self, progress: AuditProgress) -> None:
        last = progress.epoch == progress.epochs
        if self._quiet or not (self._live or last):
            return
        rounds = "at most " if progress.round == 1 < progress.rounds else ""  # its length decides on the others
        place = f"round {progress.round} of {rounds}{progress.rounds}, network {progress.fold} of {progress.folds}"
        left = "" if progress.share >= 1 else f", {duration(progress.eta_s)} left"
        line = f"{place}: {percent(progress.share)} done{left}"
        ended = last and (progress.round, progress.fold) == (progress.rounds, progress.folds)
        click.echo(f"\r{line:<79}" if self._live else line, nl=ended or not self._live, err=True)


def _findings(found: Audit) -> list[str]:
    """What was found, in words and two small tables."""
    meta, estimate = found.meta, found.estimate
    count = meta["num_examples"]
    flagged = meta["cutoff"]["flagged"]
    low, high = (f"{estimate[name]:,.0f}" for name in ("low", "high"))
    bounds = f"; between {low} and {high}" if low != high else ""
    lines = [
        f"About {estimate['errors']:,.0f} of {count:,} labels look wrong ({percent(estimate['share'])}{bounds}). "
        f"{flagged:,} {'is' if flagged == 1 else 'are'} flagged: more likely wrong than right."
    ]
    if meta["plant"] is not None:
        plant = meta["plant"]
        lines.append(
            f"Planted: {counted(plant['planted'], 'label')} made wrong, {plant['found']:,} of them found "
            f"({percent(plant['recall'])})."
        )
    if meta["evaluation"] is not None:
        known = meta["evaluation"]
        lines.append(
            f"Against the true labels, used for nothing else: AUROC {decimal(known['auroc'])}, average precision "
            f"{decimal(known['average_precision'])}; of the flagged {percent(known['precision'])} are wrong, of the "
            f"wrong {percent(known['recall'])} are flagged."
        )
    lines += [f"Warning: {visible(warning)}" for warning in found.warnings]
    return [*lines, "", _most_suspicious(found), *(["", _classes(meta["by_class"])] if flagged else [])]


def _most_suspicious(found: Audit) -> str:
    names = found.classes
    rows = [
        (str(row["id"]), names[row["given_label"]], names[row["suggested_label"]], f"{row['label_score']:.4f}")
        for row in found.ranking(HEAD).to_dict("records")
    ]
    return columns(rows, header=("most suspicious", "given", "suggested", "right with"), right={3})


def _classes(by_class: list[dict[str, Any]]) -> str:
    most = sorted(by_class, key=lambda row: -row["flagged"])[:HEAD]
    rows = [
        (row["class"], f"{row['flagged']:,}", f"{row['examples']:,}", percent(row["flagged_share"]), row["looks_like"])
        for row in most
        if row["flagged"]
    ]
    return columns(rows, header=("given", "flagged", "of", "share", "mostly look like"), right={1, 2, 3})


def _data_options(data: str, fields: dict[str, Any]) -> str:
    """The options with which `probe train` reads the same data."""
    named = ("label_column", "given_labels", "data_root")
    words = [(f"--{name.replace('_', '-')}", str(fields[name])) for name in named if fields[name] is not None]
    return shlex.join(["--dataset", data, *(word for pair in words for word in pair)])


def _next_steps(found: Audit, data: str, page: Path) -> list[str]:
    folder = shlex.quote(str(found.path))
    issues = shlex.quote(str(found.path / "issues.csv"))
    return [
        "",
        f"Review them in a browser: {shlex.quote(str(page))}",
        f"All examples: {issues} (and .parquet)",
        f"Train without the flagged ones: probe train {data} --exclude {issues}",
        f'Read it again: python -c "from probes.audit import open_audit; print(open_audit({folder!r}).ranking(20))"',
    ]


def _shown(found: Audit) -> dict[str, Any]:
    keys = ("dataset", "estimate", "cutoff", "plant", "by_class", "warnings", "notes", "evaluation", "model", "compute")
    return {key: found.meta[key] for key in keys}
