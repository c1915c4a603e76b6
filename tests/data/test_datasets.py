"""The split, standardisation and numbering of named data sets, checked against scikit-learn's own arrays."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from probes.data import DATASETS, check_dataset, list_datasets, load_dataset, short_name
from probes.errors import ConfigError


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture(scope="module")
def raw():
    return load_digits()


def test_digits_has_the_sizes_of_the_reference_protocol(digits):
    assert (len(digits.train), len(digits.validation), len(digits.test)) == (1400, 197, 200)
    assert digits.train.inputs.shape == (1400, 1, 8, 8)
    assert digits.train.inputs.dtype == torch.float32
    assert digits.classes == list("0123456789")
    assert digits.image_shape == (8, 8)


def test_every_row_is_in_exactly_one_part(digits, raw):
    rows = raw.images / 16
    parts = [
        part.inputs.double().numpy() * digits.sd + digits.mean
        for part in (digits.train, digits.validation, digits.test)
    ]

    seen = np.round(np.concatenate(parts).reshape(-1, 64) * 16).astype(int)

    assert sorted(map(tuple, seen)) == sorted(map(tuple, np.round(rows.reshape(-1, 64) * 16).astype(int)))


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_every_part_is_stratified(digits, raw, part):
    labels = getattr(digits, part).true_labels.numpy()

    expected = np.bincount(raw.target) / len(raw.target) * len(labels)

    assert np.abs(np.bincount(labels) - expected).max() <= 1.5


def test_ids_are_the_original_rows(digits, raw):
    assert np.array_equal(digits.train.images, np.round(raw.images[digits.ids] * 255 / 16))
    assert np.array_equal(digits.train.true_labels, raw.target[digits.ids])


def test_standardisation_uses_training_pixels_only(digits, raw):
    pixels = raw.images[digits.ids] / 16

    assert digits.mean == pytest.approx(pixels.mean(), abs=1e-12)
    assert digits.sd == pytest.approx(pixels.std(), abs=1e-12)
    assert digits.train.inputs.mean().item() == pytest.approx(0, abs=1e-6)
    assert digits.train.inputs.std(correction=0).item() == pytest.approx(1, abs=1e-6)
    assert digits.test.inputs.mean().item() != pytest.approx(0, abs=1e-6)


def test_blank_value_is_a_pixel_without_ink(digits):
    blank = digits.train.inputs[:, 0][torch.from_numpy(digits.train.images == 0)]

    assert blank.unique().tolist() == [pytest.approx(digits.blank_value, abs=1e-6)]


def test_images_are_grey_with_full_ink_at_255(digits):
    assert digits.train.images.dtype == np.uint8
    assert (digits.train.images.min(), digits.train.images.max()) == (0, 255)
    assert digits.validation.images is None


def test_equal_split_seeds_give_equal_data(digits):
    again = load_dataset("digits", split_seed=0)

    assert np.array_equal(again.ids, digits.ids)
    assert torch.equal(again.test.inputs, digits.test.inputs)
    assert again.fingerprint == digits.fingerprint


def test_another_split_seed_gives_another_split_and_fingerprint(digits):
    other = load_dataset("digits", split_seed=1)

    assert set(other.ids) != set(digits.ids)
    assert other.fingerprint != digits.fingerprint
    assert len(digits.fingerprint) == 16


def test_loading_leaves_random_states_alone(digits):
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002

    load_dataset("digits", split_seed=5)

    assert np.array_equal(before[0], np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(before[1], torch.get_rng_state())


def test_the_catalogue_tells_the_truth(digits, raw):
    info = DATASETS["digits"]

    assert (info.examples, info.classes) == (len(raw.target), len(raw.target_names))


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ConfigError, match="unknown dataset 'digts'. Did you mean 'digits'?"):
        load_dataset("digts")


def test_digits_have_not_changed(digits):
    """Runs of the reference protocol are compared across versions by this."""
    assert digits.fingerprint == "d1d4f69e0e127331"


def test_what_was_held_out_is_known(digits):
    assert sorted([*digits.ids, *digits.other_ids]) == list(range(1797))


def test_every_data_set_is_listed_with_where_it_is(tmp_path):
    rows = list_datasets(tmp_path)

    assert [row["name"] for row in rows] == list(DATASETS)
    assert rows[0] | {"source": ""} == {
        "name": "digits",
        "examples": 1797,
        "classes": 10,
        "source": "",
        "available": True,
        "path": None,
    }


@pytest.mark.parametrize("name", ["digits", "cifar10", "folder:anywhere", "x/a.npz", "A.PARQUET", "mine.data:load"])
def test_a_name_of_the_right_form_passes(name):
    check_dataset(name)


@pytest.mark.parametrize("name", ["mnsit", "a.txt", "mine:", ":load", "a b:c"])
def test_a_name_of_no_form_is_refused(name):
    with pytest.raises(ConfigError, match="unknown dataset"):
        check_dataset(name)


def test_a_path_that_leads_nowhere_is_called_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"^there is no folder .*/at/all\.$"):
        check_dataset(f"{tmp_path}/at/all")


def test_a_file_of_another_kind_is_told_which_kinds_there_are(tmp_path):
    (tmp_path / "mine.tsv").write_text("x\tlabel\n")

    with pytest.raises(ConfigError, match=r"mine\.tsv ends in none of \.npz, \.csv, \.parquet"):
        check_dataset(f"{tmp_path}/mine.tsv")


def test_folder_without_a_path_does_not_mean_the_current_one():
    with pytest.raises(ConfigError, match="'folder:' names no folder: write folder:PATH"):
        check_dataset("folder:")


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("digits", "digits"),
        ("folder:/photos/pets/", "pets"),
        ("data/adult.csv", "adult"),
        ("/a/b.c.npz", "b.c"),
        ("mine.data:load", "mine.data-load"),
    ],
)
def test_runs_are_named_without_folders(name, short):
    assert short_name(name) == short
