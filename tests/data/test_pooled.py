"""All parts of a data set as one, in the order of its origin."""

import numpy as np
import pytest
import torch
from PIL import Image

from probes.data import exclude, load_dataset
from probes.data.label_files import given_labels_from
from probes.data.pooled import load_pooled
from probes.data.source import Part, Source, pooled_ids
from probes.errors import ConfigError


def test_digits_are_in_the_order_of_scikit_learn():
    from sklearn.datasets import load_digits

    raw, whole = load_digits(), load_pooled("digits")

    assert whole.ids.tolist() == list(range(1797))
    assert whole.train.given_labels.tolist() == raw.target.tolist()
    assert np.abs(whole.train.images.astype(float) / 255 * 16 - raw.images).max() < 0.05
    assert len(whole.validation) == len(whole.test) == 0


def test_parts_of_a_folder_follow_each_other(make_folder):
    folder = make_folder(
        {
            f"{part}/{name}/{i}.png": (6, 5)
            for part in ("train", "val", "test")
            for name in ("cat", "dog")
            for i in (1, 2)
        }
    )
    whole = load_pooled(str(folder))

    assert [str(value).split("/")[0] for value in whole.ids] == ["train"] * 4 + ["val"] * 4 + ["test"] * 4
    assert whole.train.given_labels.tolist() == [0, 0, 1, 1] * 3
    assert whole.train.inputs.shape == (12, 3, 6, 5)
    assert len(whole.train.images) == 12
    assert all(path.endswith(where) for path, where in zip(whole.paths, whole.ids, strict=True))


def test_rows_of_a_table_keep_their_order_and_columns(tmp_path):
    rows = "".join(f"{i},{'ab'[i % 2]},{'xyz'[i % 3]}\n" for i in range(30))
    (tmp_path / "t.csv").write_text("size,label,shape\n" + rows)
    whole = load_pooled(str(tmp_path / "t.csv"))

    assert whole.ids.tolist() == list(range(30))
    assert whole.train.inputs.shape == (30, 4)
    assert torch.equal(whole.train.inputs[:, 0].argsort(), torch.arange(30))


def test_ids_that_two_parts_share_carry_the_name_of_their_part():
    part = Part(np.zeros((2, 3)), np.array([0, 1]), np.array([0, 1]))

    assert pooled_ids(Source("s", "table", ["a", "b"], part, test=part)).tolist() == ["0", "1", "test/0", "test/1"]
    other = Part(np.zeros((1, 3)), np.array([0]), np.array([7]))
    assert pooled_ids(Source("s", "table", ["a", "b"], part, test=other)).tolist() == [0, 1, 7]


@pytest.mark.parametrize("shape", [(40, 8, 8, 7), (40, 2, 3, 4, 5), (40, 6)])
def test_arrays_of_any_shape_are_pooled(tmp_path, shape):
    np.savez(tmp_path / "a.npz", X=np.random.default_rng(0).random(shape), y=np.arange(40) % 2)

    assert tuple(load_pooled(str(tmp_path / "a.npz")).train.inputs.shape) == shape


def test_labels_of_some_examples_leave_the_others(tmp_path):
    (tmp_path / "labels.csv").write_text("id,label\n5,3\n")
    whole = load_pooled("digits")
    changed = given_labels_from(tmp_path / "labels.csv", whole)

    differs = changed.train.given_labels != whole.train.given_labels
    assert differs.nonzero().flatten().tolist() == [5]
    assert changed.train.true_labels.tolist() == whole.train.given_labels.tolist()


def test_unknown_examples_in_a_file_are_refused(tmp_path):
    (tmp_path / "labels.csv").write_text("id,label\n5000,3\n")

    with pytest.raises(ConfigError, match="unknown example by id: 5000"):
        given_labels_from(tmp_path / "labels.csv", load_pooled("digits"))


def test_what_an_audit_names_of_parts_of_their_own_is_known_to_exclude(tmp_path):
    """Rows of a test part are counted anew, so that an audit names them test/0, test/1, ..."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 10)):
        for label in ("cat", "dog"):
            folder = tmp_path / "pets" / part / label
            folder.mkdir(parents=True)
            for number in range(count // 2):
                Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(folder / f"{number}.png")
    whole = load_pooled(f"folder:{tmp_path / 'pets'}")
    lines = [f"{name},{flag}" for name, flag in zip(whole.ids, [True] * 3 + [False] * 46 + [True], strict=True)]
    (tmp_path / "issues.csv").write_text("id,is_label_issue\n" + "\n".join(lines) + "\n")

    data = load_dataset(f"folder:{tmp_path / 'pets'}")
    cleaned = exclude(data, tmp_path / "issues.csv")

    assert len(whole.ids) == 50
    assert len(data.train) - len(cleaned.train) == len(set(whole.ids[:3]) & set(data.ids)) > 0
