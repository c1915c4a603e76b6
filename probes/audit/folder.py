"""The folder of an audit: how it is named, written, replaced and read."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes.errors import ConfigError, RunExistsError, RunNotFoundError, cannot_write
from probes.runs.layout import atomic_write
from probes.runs.tables import write_parquet

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "AUDIT_JSON",
    "FEATURES",
    "FORMAT_VERSION",
    "ISSUES",
    "ISSUES_CSV",
    "NEIGHBOURS",
    "REPORT",
    "THUMBNAILS",
    "Audit",
    "check_out",
    "claim_folder",
    "open_audit",
    "write_audit",
]

FORMAT_VERSION = 1
AUDIT_JSON = "audit.json"
ISSUES = "issues.parquet"
ISSUES_CSV = "issues.csv"
NEIGHBOURS = "neighbours.parquet"
THUMBNAILS = "thumbnails.parquet"
FEATURES = "features.parquet"
REPORT = "report.html"
OWN = (AUDIT_JSON, ISSUES, ISSUES_CSV, NEIGHBOURS, THUMBNAILS, FEATURES, REPORT)


@dataclass(frozen=True)
class Audit:
    """An audit as its folder holds it.

    Attributes:
        path: the folder.
        meta: what audit.json holds.
    """

    path: Path
    meta: dict[str, Any]

    @property
    def issues(self) -> pd.DataFrame:
        """A row per example, in the data's order."""
        return self._table(ISSUES)

    @property
    def neighbours(self) -> pd.DataFrame:
        """Nearest neighbours of the most suspicious examples: `example`, `rank`, `neighbour`, `similarity`."""
        return self._table(NEIGHBOURS)

    @property
    def features(self) -> pd.DataFrame:
        """Features of the most suspicious examples of a table, the most unusual for their label first; else empty."""
        import pandas as pd

        columns = ("example", "rank", "feature", "value", "deviation", "class_share")
        return self._table(FEATURES) if (self.path / FEATURES).exists() else pd.DataFrame(columns=columns)

    @property
    def classes(self) -> list[str]:
        """Names, by label."""
        return list(self.meta["classes"])

    @property
    def estimate(self) -> dict[str, Any]:
        """Of the number of wrong labels: `errors`, `share`, `low`, `high`, `trusted` and what they rest on."""
        return dict(self.meta["estimate"])

    @property
    def warnings(self) -> list[str]:
        """Sentences."""
        return list(self.meta["warnings"])

    def ranking(self, top: int | None = None) -> pd.DataFrame:
        """`issues`, the most suspicious first."""
        ranked = self.issues.sort_values("label_score", kind="stable")
        return ranked if top is None else ranked.head(top)

    def images(self) -> dict[int, bytes]:
        """Thumbnails as PNG, by example: of the most suspicious and their neighbours; {} where there are no images."""
        if not (self.path / THUMBNAILS).exists():
            return {}
        table = self._table(THUMBNAILS)
        return dict(zip(table["example"].tolist(), table["png"].tolist(), strict=True))

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return pd.read_parquet(self.path / name)


def open_audit(path: Path | str) -> Audit:
    """Read an audit's folder.

    Raises:
        RunNotFoundError: there is none, or a newer version wrote it.
    """
    folder = Path(path)
    try:
        meta = json.loads((folder / AUDIT_JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunNotFoundError(f"there is no audit in {folder}: {AUDIT_JSON} cannot be read.") from error
    version = meta.get("format_version") if isinstance(meta, dict) else None
    if not isinstance(version, int):
        raise RunNotFoundError(f"there is no audit in {folder}: {AUDIT_JSON} has no format_version.")
    if version > FORMAT_VERSION:
        raise RunNotFoundError(f"{folder} has audit format {version}, this version reads {FORMAT_VERSION}: update.")
    return Audit(folder, meta)


def check_out(out: Path, overwrite: bool) -> None:
    """Raise RunExistsError where a folder holds something that may not be replaced. Writes nothing."""
    if out.exists() and not out.is_dir():
        raise RunExistsError(f"{out} is a file. Choose another folder for the audit.")
    held = out.is_dir() and any(os.scandir(out))
    is_audit = (out / AUDIT_JSON).exists()
    if held and not is_audit:
        raise RunExistsError(f"{out} already holds files that are not an audit. Choose another folder.")
    if held and not overwrite:
        raise RunExistsError(
            f"{out} already holds an audit. Choose another folder, or say overwrite=True to replace it."
        )
    above = next(folder for folder in [out, *out.absolute().parents] if folder.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise ConfigError(f"cannot write {out}: {above} is not a folder that can be written to.")


def claim_folder(out: Path | None, name: str, root: Path = Path("audit")) -> Path:
    """Make the folder asked for, emptied of an older audit, or a fresh one: `audit/NAME-1`, `-2` where it is taken."""
    try:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            for own in OWN:
                (out / own).unlink(missing_ok=True)
            return out
        root.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^\w.-]", "-", name).lstrip(".") or "data"
        number = 1
        while True:
            try:
                (root / f"{stem}-{number}").mkdir()
                return root / f"{stem}-{number}"
            except FileExistsError:
                number += 1
    except OSError as error:
        raise cannot_write(out or root, error) from error


def write_audit(
    folder: Path,
    issues: pd.DataFrame,
    neighbours: pd.DataFrame,
    thumbnails: dict[int, bytes] | None,
    meta: dict[str, Any],
    *,
    features: pd.DataFrame | None = None,
) -> Audit:
    """Write every file under a temporary name and rename it; audit.json last, so that no half audit reads as one."""
    import pyarrow as pa

    tables = {ISSUES: pa.Table.from_pandas(issues, preserve_index=False)}
    tables[NEIGHBOURS] = pa.table(
        {
            "example": pa.array(neighbours["example"], pa.int64()),
            "rank": pa.array(neighbours["rank"], pa.int32()),
            "neighbour": pa.array(neighbours["neighbour"], pa.int64()),
            "similarity": pa.array(neighbours["similarity"], pa.float32()),
        }
    )
    if thumbnails is not None:
        pngs = pa.array(thumbnails.values(), pa.binary())
        tables[THUMBNAILS] = pa.table({"example": pa.array(thumbnails, pa.int64()), "png": pngs})
    if features is not None:
        tables[FEATURES] = pa.Table.from_pandas(features, preserve_index=False)
    try:
        for name, table in tables.items():
            write_parquet(folder / name, table)
        named = _with_names(issues, meta["classes"])
        _write(folder / ISSUES_CSV, lambda path: named.to_csv(path, index=False, lineterminator="\n"))
        text = json.dumps(
            _plain({"format_version": FORMAT_VERSION, "kind": "audit", **meta}), indent=1, allow_nan=False
        )
        _write(folder / AUDIT_JSON, lambda path: path.write_text(text + "\n", encoding="utf-8"))
    except OSError as error:
        raise cannot_write(folder, error) from error
    return open_audit(folder)


def _with_names(issues: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """`issues` and the names of both labels."""
    return issues.assign(
        given_name=[classes[label] for label in issues["given_label"]],
        suggested_name=[classes[label] for label in issues["suggested_label"]],
    )


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    with atomic_write(path) as temporary:
        write(temporary)


def _plain(value: Any) -> Any:
    """The same value out of what strict JSON knows: numbers that are not finite become null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
