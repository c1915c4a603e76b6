"""Which run a command is about: the folder named, or the newest of `runs/`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from probes.errors import ProbeError, RunExistsError, RunNotFoundError

__all__ = ["ROOT", "all_runs", "chosen_run", "refuse_existing", "refuse_existing_audit"]

ROOT = Path("runs")


def chosen_run(path: Path | None) -> Path:
    """The folder asked for, or the newest readable run of `runs/` where none was.

    Raises:
        RunNotFoundError: there is no run to choose.
    """
    if path is not None:
        return path
    from probes import open_run

    for run in all_runs():
        with suppress(ProbeError):
            return open_run(run).path
    raise RunNotFoundError(f"there is no run in {ROOT}/ yet. Make one with `probe train`, or name a run folder.")


def all_runs() -> list[Path]:
    """Run folders of `runs/`, the newest first: by the time run.json was last written, then by name."""
    if not ROOT.is_dir():
        return []
    found = [file for file in ROOT.glob("*/run.json") if file.is_file()]
    return [file.parent for file in sorted(found, key=lambda file: (file.stat().st_mtime_ns, file.parent.name))][::-1]


def refuse_existing(out: Path) -> None:
    """Say at once, in terms of the command line, what the library would say of an --out that holds something.

    Raises:
        RunExistsError: it holds a run, or files that are none.
    """
    if (out / "run.json").exists():
        raise RunExistsError(f"{out} already holds a run. Choose another --out, or add --overwrite to replace it.")
    if out.is_dir() and any(entry.name != ".lock" for entry in out.iterdir()):
        raise RunExistsError(f"{out} already holds files that are not a run. Choose another --out.")


def refuse_existing_audit(out: Path, overwrite: bool) -> None:
    """The same of an audit's --out.

    Raises:
        RunExistsError: it holds an audit.
    """
    if not overwrite and (out / "audit.json").exists():
        raise RunExistsError(f"{out} already holds an audit. Choose another --out, or add --overwrite to replace it.")
