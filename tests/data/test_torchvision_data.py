"""Data sets that torchvision downloads: found in place, mapped from its classes, absent, or failing to download."""

import gzip
import struct
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets

from probes.data import DATASETS, list_datasets, load_dataset, torchvision_files
from probes.errors import ConfigError, ProbeError

FASHION = Path("/usr/share/datasets/fashion-mnist")
NAMES = [name for name in DATASETS if name != "digits"]


@pytest.fixture(autouse=True)
def no_system_data(monkeypatch, tmp_path):
    monkeypatch.setattr(torchvision_files, "SYSTEM_ROOT", tmp_path / "system")


def write_idx(folder, ending="", train=50, test=20):
    """MNIST's four files; image i is filled with the value i, its label is i mod 10."""
    folder.mkdir(parents=True)
    for prefix, count in (("train", train), ("t10k", test)):
        images = np.repeat(np.arange(count, dtype=np.uint8), 28 * 28)
        labels = (np.arange(count) % 10).astype(np.uint8)
        files = {
            f"{prefix}-images-idx3-ubyte": struct.pack(">IIII", 0x803, count, 28, 28) + images.tobytes(),
            f"{prefix}-labels-idx1-ubyte": struct.pack(">II", 0x801, count) + labels.tobytes(),
        }
        for name, content in files.items():
            (folder / f"{name}{ending}").write_bytes(gzip.compress(content) if ending else content)


@pytest.mark.parametrize(("name", "raw"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST"), ("kmnist", "KMNIST")])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_the_files_that_torchvision_left_are_read_in_place(tmp_path, name, raw, ending):
    write_idx(tmp_path / raw / "raw", ending)

    data = load_dataset(name, data_root=tmp_path)

    assert (len(data.train), len(data.validation), len(data.test)) == (45, 5, 20)
    assert np.array_equal(data.train.images[:, 0, 0], data.ids)
    assert np.array_equal(data.train.true_labels, data.ids % 10)
    assert (data.image_shape, data.kind, len(data.classes)) == ((28, 28), "image", 10)
    assert sorted([*data.ids, *data.other_ids]) == list(range(50))


def test_a_package_of_the_system_is_found(tmp_path):
    write_idx(tmp_path / "system" / "fashion-mnist", ".gz")

    found = {row["name"]: row for row in list_datasets(tmp_path)}

    assert len(load_dataset("fashion-mnist", data_root=tmp_path).test) == 20
    assert found["fashion-mnist"]["available"]
    assert found["fashion-mnist"]["path"] == str(tmp_path / "system" / "fashion-mnist")
    assert not found["mnist"]["available"]


@pytest.mark.skipif(not FASHION.exists(), reason="Debian's dataset-fashion-mnist is not installed")
def test_debians_fashion_mnist_needs_no_download(monkeypatch, tmp_path):
    monkeypatch.setattr(torchvision_files, "SYSTEM_ROOT", FASHION.parent)

    data = load_dataset("fashion-mnist", data_root=tmp_path)

    assert (len(data.train), len(data.validation), len(data.test)) == (54_000, 6_000, 10_000)
    assert np.bincount(data.train.true_labels).tolist() == [5_400] * 10
    assert data.mean == pytest.approx(0.286, abs=0.001)  # the figures usually quoted for all 60,000
    assert data.sd == pytest.approx(0.353, abs=0.001)
    assert data.classes[data.train.true_labels[0]] == "Ankle boot"  # the first image of the file, in training
    assert data.ids[0] == 0


@pytest.mark.parametrize("name", NAMES)
def test_what_is_absent_says_where_it_looked_and_how_to_get_it(tmp_path, name):
    with pytest.raises(ConfigError, match="Download it with --download, or say with --data-root") as caught:
        load_dataset(name, data_root=tmp_path)

    assert f"{name} is not on this machine (looked in {tmp_path}" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_download_is_one_line(tmp_path, monkeypatch, name):
    def fail(*args, **settings):
        raise urllib.error.URLError("Name or service not known\nTried twice")

    monkeypatch.setattr(torchvision.datasets, torchvision_files.TORCHVISION[name].type_name, fail)

    with pytest.raises(ProbeError, match=f"^{name} could not be downloaded to .*: .*not known Tried twice") as caught:
        load_dataset(name, data_root=tmp_path, download=True)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn"])
def test_damaged_files_are_one_line(tmp_path, name):
    for file in torchvision_files.TORCHVISION[name].files:
        (tmp_path / file).write_bytes(b"")

    with pytest.raises(ConfigError, match=f"{name} in .* is damaged .*Download it again with --download"):
        load_dataset(name, data_root=tmp_path)


class Fake:
    """Holds 40 images as torchvision's classes do, each in its own way."""

    classes = ("apple", "bear")

    def __init__(self, root, train=None, split=None, download=False):
        assert download
        count = 40 if train or split == "train" else 10
        self.data = np.arange(count * 3 * 32 * 32).reshape(count, 32, 32, 3).astype(np.uint8)
        self.labels = np.arange(count) % 2
        if split is None:
            self.targets = self.labels.tolist()
        else:
            self.data = self.data.transpose(0, 3, 1, 2)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn"])
def test_colour_images_of_torchvision_come_with_channels_where_they_belong(tmp_path, monkeypatch, name):
    monkeypatch.setattr(torchvision.datasets, torchvision_files.TORCHVISION[name].type_name, Fake)

    data = load_dataset(name, data_root=tmp_path, download=True)

    raw = np.arange(40 * 3 * 32 * 32).reshape(40, 32, 32, 3).astype(np.uint8)
    assert (len(data.train), len(data.validation), len(data.test)) == (36, 4, 10)
    assert np.array_equal(data.train.images, raw[data.ids])
    assert data.train.inputs.shape == (36, 3, 32, 32)
    assert (data.image_shape, data.mean, len(data.means)) == ((32, 32, 3), None, 3)
    assert np.array_equal(data.shown(data.train.inputs), data.train.images)
    assert len(data.classes) == (2 if name == "cifar100" else 10)


def test_a_truncated_idx_file_is_one_line(tmp_path):
    write_idx(tmp_path / "MNIST" / "raw")
    file = tmp_path / "MNIST/raw/train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-5])

    with pytest.raises(ConfigError, match="train-images-idx3-ubyte is cut short"):
        load_dataset("mnist", data_root=tmp_path)


def test_labels_outside_the_classes_are_refused(tmp_path):
    write_idx(tmp_path / "MNIST" / "raw")
    (tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 20) + bytes([11] * 20))

    with pytest.raises(ConfigError, match=r"labels of mnist .* must lie in \[0, 10\), got 11"):
        load_dataset("mnist", data_root=tmp_path)
