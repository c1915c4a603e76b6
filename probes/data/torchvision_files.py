"""Where the files of torchvision's data sets are looked for; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from probes.data.idx import find_idx

__all__ = ["IDX_FILES", "SYSTEM_ROOT", "TORCHVISION", "find_torchvision", "places"]

SYSTEM_ROOT = Path("/usr/share/datasets")  # where Debian's packages of data sets put their files
_DIGITS = tuple("0123456789")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@dataclass(frozen=True)
class Known:
    """A class of torchvision.

    Attributes:
        type_name: its name.
        classes: K names; empty where the data bring their own.
        files: below the data root, that are there once it is downloaded; () for IDX.
    """

    type_name: str
    classes: tuple[str, ...]
    files: tuple[str, ...] = ()


TORCHVISION: dict[str, Known] = {
    "mnist": Known("MNIST", _DIGITS),
    "fashion-mnist": Known("FashionMNIST", _FASHION),
    "kmnist": Known("KMNIST", ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")),
    "cifar10": Known("CIFAR10", _CIFAR10, ("cifar-10-batches-py",)),
    "cifar100": Known("CIFAR100", (), ("cifar-100-python",)),
    "svhn": Known("SVHN", _DIGITS, ("train_32x32.mat", "test_32x32.mat")),
}


IDX_FILES = tuple(f"{part}-{file}" for part in ("train", "t10k") for file in ("images-idx3-ubyte", "labels-idx1-ubyte"))


def places(name: str, root: Path) -> list[Path]:
    """Where the files of a data set may be: folders of IDX files, or what torchvision unpacks."""
    known = TORCHVISION[name]
    if known.files:
        return [root / file for file in known.files]
    return [root / known.type_name / "raw", root / name, SYSTEM_ROOT / name]


def find_torchvision(name: str, root: Path) -> Path | None:
    """The folder whose files are a data set now; None where they would have to be downloaded."""
    found = places(name, root)
    if TORCHVISION[name].files:
        return root if all(path.exists() for path in found) else None
    return next((folder for folder in found if all(find_idx(folder, file) for file in IDX_FILES)), None)
