"""Data sets by name or path: what there is, and one function that loads any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from probes.data.dataset import Dataset
    from probes.data.source import Source

__all__ = [
    "DATASETS",
    "USER_DATA",
    "DatasetInfo",
    "check_dataset",
    "is_path",
    "list_datasets",
    "load_dataset",
    "short_name",
]

DEFAULT_ROOT = Path("data")


@dataclass(frozen=True)
class DatasetInfo:
    """What `probe list datasets` says of one data set."""

    name: str
    examples: int
    classes: int
    source: str


DATASETS: dict[str, DatasetInfo] = {
    info.name: info
    for info in (
        DatasetInfo("digits", 1_797, 10, "handwritten digits, 8 x 8 pixels, inside scikit-learn; no download"),
        DatasetInfo("mnist", 70_000, 10, "handwritten digits, 28 x 28; IDX files, or torchvision's download"),
        DatasetInfo(
            "fashion-mnist",
            70_000,
            10,
            "clothing, 28 x 28; IDX files, Debian's dataset-fashion-mnist, or torchvision's download",
        ),
        DatasetInfo("kmnist", 70_000, 10, "cursive Japanese, 28 x 28; IDX files, or torchvision's download"),
        DatasetInfo("cifar10", 60_000, 10, "photographs, 32 x 32 in colour; torchvision's download"),
        DatasetInfo("cifar100", 60_000, 100, "photographs, 32 x 32 in colour; torchvision's download"),
        DatasetInfo("svhn", 99_289, 10, "house numbers, 32 x 32 in colour; torchvision's download"),
    )
}
USER_DATA: dict[str, str] = {
    "folder:PATH": "images in PATH/CLASS/, or in PATH/train/CLASS/ with val and test beside it",
    "FILE.npz": "arrays X and y, optionally true_labels, ids and classes",
    "FILE.csv": "a table with a column of labels, separated by commas, in UTF-8",
    "FILE.parquet": "the same, with types",
    "module:function": "your own: returns (X, y), or a dict named like the arrays of an .npz",
}
_TABLES = (".csv", ".parquet")


def load_dataset(
    name: str,
    *,
    split_seed: int = 0,
    data_root: Path | str | None = None,
    download: bool = False,
    label_column: str | None = None,
    given_labels: Path | str | None = None,
) -> Dataset:
    """Load a data set, split by `split_seed`.

    Data without a validation part give up a stratified 10 % of training, at most 6,000, and as much again without a
    test part. Examples are numbered after the split.

    Args:
        name: one of DATASETS, `folder:PATH` (or just the path of a folder), a .npz, .csv or .parquet file, or
            `module:function`.
        split_seed: of the split.
        data_root: folder of downloaded data; `data` if left out.
        download: get torchvision's data where they are not there.
        label_column: of a table.
        given_labels: file of labels that training is told instead, as `read_given_labels` takes it. The data's own
            labels then are the true ones.

    Raises:
        ConfigError: unknown name (the nearest known one is suggested), or data that cannot be used.
        ProbeError: a download fails.
    """
    check_dataset(name)
    if label_column is not None and Path(name).suffix.lower() not in _TABLES:
        raise ConfigError(f"label_column is for tables (.csv or .parquet), got dataset {name!r}.")
    if name == "digits":
        from probes.data.digits import load_digits_data

        dataset = load_digits_data(split_seed)
    else:
        from probes.data.source import assemble

        dataset = assemble(_read(name, Path(data_root or DEFAULT_ROOT), download, label_column), split_seed)
    if given_labels is None:
        return dataset
    from probes.data.label_files import given_labels_from

    return given_labels_from(given_labels, dataset)


def check_dataset(name: str) -> None:
    """Raise ConfigError unless `name` is a known data set, or has the form of a path or function. Reads nothing."""
    if name == "folder:":
        raise ConfigError("dataset 'folder:' names no folder: write folder:PATH.")
    path = Path(name)
    if name in DATASETS or name.startswith("folder:") or path.suffix.lower() in (".npz", *_TABLES) or path.is_dir():
        return
    if path.is_file():
        raise ConfigError(f"{name} ends in none of .npz, {', '.join(_TABLES)}: other files cannot be read.")
    if "/" in name and ":" not in name:
        raise ConfigError(f"there is no folder {name}.")
    module, _, function = name.partition(":")
    if not (function.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise unknown_name("dataset", name, [*DATASETS, *USER_DATA])


def is_path(name: str) -> bool:
    """Whether a data set is named by its file or folder, which need not be there.

    Example:
        >>> [is_path(name) for name in ("folder:photos", "data/adult.csv", "photos", "digits", "mine:load")]
        [True, True, True, False, False]
    """
    ending = Path(name).suffix.lower()
    return name.startswith("folder:") or ending in (".npz", *_TABLES) or (name not in DATASETS and ":" not in name)


def short_name(name: str) -> str:
    """What runs on a data set are named after: no folders.

    Example:
        >>> short_name("folder:/photos/pets"), short_name("data/adult.csv"), short_name("mine:load")
        ('pets', 'adult', 'mine-load')
    """
    if name in DATASETS:
        return name
    if ":" in name and not name.startswith("folder:") and "/" not in name:
        return name.replace(":", "-")
    path = Path(name.removeprefix("folder:"))
    return (path.stem if path.suffix.lower() in (".npz", *_TABLES) else path.resolve().name) or "data"


def list_datasets(data_root: Path | str | None = None) -> list[dict[str, Any]]:
    """What there is: the fields of DatasetInfo, and whether the bytes are on this machine.

    Returns:
        For each of DATASETS `name`, `examples`, `classes`, `source`, `available` (bool) and `path` (str or None).
    """
    return [asdict(info) | _availability(info.name, Path(data_root or DEFAULT_ROOT)) for info in DATASETS.values()]


def _availability(name: str, root: Path) -> dict[str, Any]:
    if name == "digits":
        return {"available": True, "path": None}
    from probes.data.torchvision_files import find_torchvision

    found = find_torchvision(name, root)
    return {"available": found is not None, "path": None if found is None else str(found)}


def _read(name: str, root: Path, download: bool, label_column: str | None) -> Source:
    """Read what is no digits, by the form of its name."""
    path = Path(name.removeprefix("folder:"))
    ending = path.suffix.lower()
    readers: dict[str, Callable[[], Source]] = {
        ".npz": lambda: _npz(path),
        ".csv": lambda: _table(path, label_column),
        ".parquet": lambda: _table(path, label_column),
    }
    if name in DATASETS:
        from probes.data.torchvision_data import read_torchvision

        return read_torchvision(name, root=root, download=download)
    if name.startswith("folder:") or (ending not in readers and path.is_dir()):
        from probes.data.image_folder import read_image_folder

        return read_image_folder(path)
    if ending in readers:
        return readers[ending]()
    from probes.data.user_function import call_user_function

    return call_user_function(name)


def _npz(path: Path) -> Source:
    from probes.data.npz import read_npz

    return read_npz(path)


def _table(path: Path, label_column: str | None) -> Source:
    from probes.data.tables import read_table

    return read_table(path, label_column)
