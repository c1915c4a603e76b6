"""Arrays in .npz files: every shape that is taken, every fault that is named."""

import numpy as np
import pytest

from probes.data import load_dataset
from probes.errors import ConfigError

RANDOM = np.random.default_rng(0)
N = 50
Y = np.arange(N) % 2


@pytest.fixture
def saved(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "made.npz", **arrays)
        return str(tmp_path / "made.npz")

    return save


@pytest.mark.parametrize(
    ("shape", "dtype", "kind", "inputs", "image_shape"),
    [
        ((4, 3), np.uint8, "image", (1, 4, 3), (4, 3)),
        ((4, 3, 1), np.uint8, "image", (1, 4, 3), (4, 3)),
        ((4, 3, 3), np.uint8, "image", (3, 4, 3), (4, 3, 3)),
        ((4, 5), np.float32, "image", (1, 4, 5), (4, 5)),
        ((3, 4, 5), np.float64, "image", (3, 4, 5), (4, 5, 3)),
        ((1, 4, 5), np.float64, "image", (1, 4, 5), (4, 5)),
        ((7,), np.float32, "table", (7,), ()),
        ((7,), np.uint8, "table", (7,), ()),
        ((7,), np.int64, "table", (7,), ()),
        ((2, 4, 5, 6), np.float32, "array", (2, 4, 5, 6), ()),
        ((7, 4, 5), np.float32, "array", (7, 4, 5), ()),
    ],
)
def test_shapes_say_what_the_inputs_are(saved, shape, dtype, kind, inputs, image_shape):
    x = (RANDOM.random((N, *shape)) * 200).astype(dtype)

    data = load_dataset(saved(X=x, y=Y))

    assert (data.kind, data.train.inputs.shape[1:], data.image_shape) == (kind, inputs, image_shape)
    assert (len(data.train), len(data.validation), len(data.test)) == (40, 5, 5)
    assert (data.train.images is not None) == (kind == "image")
    assert data.train.inputs.mean().item() == pytest.approx(0, abs=1e-6)
    assert data.train.inputs.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_float_images_are_standardised_as_they_are(saved):
    x = RANDOM.normal(3, 2, (N, 4, 4))

    data = load_dataset(saved(X=x, y=Y))

    kept = x[data.ids]
    assert data.mean == pytest.approx(kept.mean())
    assert np.allclose(data.train.inputs[:, 0], (kept - kept.mean()) / kept.std(), atol=1e-5)


def test_labels_differ_from_true_labels_where_the_file_says_so(saved):
    truth = Y.copy()
    truth[:10] = 1 - truth[:10]

    data = load_dataset(saved(X=RANDOM.random((N, 3)), y=Y, true_labels=truth))

    assert np.array_equal(data.train.given_labels, Y[data.ids])
    assert np.array_equal(data.train.true_labels, truth[data.ids])
    assert np.array_equal(data.noisy, data.ids < 10)


def test_without_true_labels_the_truth_is_unknown(saved):
    data = load_dataset(saved(X=RANDOM.random((N, 3)), y=Y))

    assert data.train.true_labels is None
    assert data.noisy is None


def test_ids_and_classes_are_kept(saved):
    ids = np.array([f"row-{i}" for i in range(N)])

    data = load_dataset(saved(X=np.arange(N)[:, None], y=Y, ids=ids, classes=np.array(["no", "yes"])))

    assert data.classes == ["no", "yes"]
    assert all(
        data.classes[label] == ("no", "yes")[int(name[4:]) % 2]
        for name, label in zip(data.ids, data.train.given_labels, strict=True)
    )
    assert sorted([*data.ids, *data.other_ids]) == sorted(ids)


def test_text_labels_become_sorted_classes(saved):
    data = load_dataset(saved(X=RANDOM.random((N, 3)), y=np.array(["dog", "ant"])[Y]))

    assert data.classes == ["ant", "dog"]
    assert np.array_equal(data.train.given_labels, 1 - Y[data.ids])


def test_labels_that_do_not_start_at_zero_name_their_classes(saved):
    data = load_dataset(saved(X=RANDOM.random((N, 3)), y=Y + 1))

    assert data.classes == ["1", "2"]
    assert np.array_equal(data.train.given_labels, Y[data.ids])
    assert "these are the names of classes 0 to 1" in data.notes[0]


def test_whole_numbers_may_come_as_floats(saved):
    data = load_dataset(saved(X=RANDOM.random((N, 3)), y=Y.astype(float)))

    assert np.array_equal(data.train.given_labels, Y[data.ids])


def test_missing_features_become_means_and_are_counted(saved):
    x = RANDOM.random((N, 3))
    x[[1, 2, 3], 1] = np.nan

    data = load_dataset(saved(X=x, y=Y))

    assert data.notes == ["3 values of X are missing: each became the mean of its feature."]
    assert data.train.inputs.isfinite().all()


def test_other_arrays_are_named_and_not_used(saved):
    assert "also holds extra, not used" in load_dataset(saved(X=RANDOM.random((N, 3)), y=Y, extra=Y)).notes[0]


def with_(y, row, value):
    changed = y.astype(type(value)) if isinstance(value, float) else y.copy()
    changed[row] = value
    return changed


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"y": Y}, "holds no X: X (N, ...) and y (N,) are needed, found y."),
        ({"X": np.zeros((N, 3))}, "holds no y"),
        ({"X": np.zeros((N, 3)), "y": Y[:-1]}, "must have shape (50,) as X does, got (49,)"),
        ({"X": np.zeros(N), "y": Y}, "must have shape (N, ...) with N above 0, got (50,)"),
        ({"X": np.zeros((0, 3)), "y": Y[:0]}, "must have shape (N, ...) with N above 0"),
        ({"X": np.full((N, 3), "a"), "y": Y}, "must be numbers, got <U1"),
        ({"X": np.zeros((N, 3), complex), "y": Y}, "must be numbers, got complex128"),
        ({"X": np.full((N, 2, 2), np.nan), "y": Y}, "values that are not finite, the first of them in row 0"),
        ({"X": np.zeros((N, 3)), "y": np.zeros(N, int)}, "holds one class only (0), two or more are needed"),
        ({"X": np.zeros((N, 3)), "y": with_(Y, 7, -1)}, "must hold labels of 0 or more, got -1 in row 7"),
        (
            {"X": np.zeros((N, 3)), "y": with_(Y, 7, 0.5)},
            "not a whole number in 1 row, the first of them row 7 (0.5)",
        ),
        ({"X": np.zeros((N, 3)), "y": with_(Y, 9, np.nan)}, "is missing in 1 row, the first of them row 9"),
        ({"X": np.zeros((N, 3)), "y": Y.astype(complex)}, "must be whole numbers or text, got complex128"),
        (
            {"X": np.zeros((N, 3)), "y": with_(Y, 7, 2), "classes": ["a", "b"]},
            "must lie in [0, 2), one of the 2",
        ),
        (
            {"X": np.zeros((N, 3)), "y": np.array(["a", "c"])[Y], "classes": ["a", "b"]},
            "holds 'c', which is not",
        ),
        ({"X": np.zeros((N, 3)), "y": Y, "classes": ["a", "a"]}, "must be K different names, got 'a' twice"),
        ({"X": np.zeros((N, 3)), "y": Y, "ids": np.zeros(N, int)}, "must be unique, got 0 50 times"),
        ({"x": np.zeros((N, 3)), "y": Y}, "holds no X: X (N, ...) and y (N,) are needed, found y, x."),
        ({"X": np.zeros((N, 3)), "y": np.eye(2)[Y]}, "got (50, 2): one for each example"),
        ({"X": np.full((N, 3), np.nan), "y": Y}, "holds no finite number: there is nothing to learn from"),
        ({"X": np.zeros((N, 3)), "y": with_(Y, 9, np.inf)}, "is infinite in 1 row, the first of them row 9"),
        ({"X": np.zeros((N, 3)), "y": Y.astype("u8") * (2**63 + 5)}, "numbers below 2^63, got 9223372036854775813"),
        ({"X": np.zeros((N, 3)), "y": Y, "true_labels": Y[:4]}, "true_labels in"),
        ({"X": np.zeros((N, 3)), "y": Y, "true_labels": np.array(["a", "b"])[Y]}, "must be of one kind"),
        (
            {"X": np.zeros((N, 3)), "y": np.array([0, None] * 25, dtype=object)},
            "an array of Python objects",
        ),
    ],
)
def test_what_is_wrong_is_one_line(saved, arrays, fault):
    with pytest.raises(ConfigError) as caught:
        load_dataset(saved(**arrays))

    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"text"])
def test_a_damaged_file_is_one_line(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content)

    with pytest.raises(
        ConfigError, match=r"bad\.npz cannot be read as an \.npz file: it is no such file, or damaged\.$"
    ):
        load_dataset(str(tmp_path / "bad.npz"))


def test_a_file_damaged_inside_is_one_line(tmp_path):
    np.savez_compressed(tmp_path / "bad.npz", X=RANDOM.random((N, 30)), y=Y)
    content = bytearray((tmp_path / "bad.npz").read_bytes())
    content[200:260] = bytes(60)
    (tmp_path / "bad.npz").write_bytes(content)

    with pytest.raises(ConfigError, match=r"bad\.npz cannot be read as an \.npz file: "):
        load_dataset(str(tmp_path / "bad.npz"))


def test_a_single_array_is_told_what_is_missing(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")

    with pytest.raises(ConfigError, match="it is a single array, where X and y are needed"):
        load_dataset(str(tmp_path / "one.npz"))


def test_labels_of_bytes_that_are_not_utf8_are_printable(saved):
    data = load_dataset(saved(X=RANDOM.random((N, 3)), y=np.array([b"caf\xe9", b"tea"])[Y]))

    assert data.classes == ["caf\\xe9", "tea"]


def test_infinite_features_are_called_so(saved):
    x = RANDOM.random((N, 3))
    x[1, 1], x[2, 1] = np.nan, np.inf

    data = load_dataset(saved(X=x, y=Y))

    assert data.notes == ["2 values of X are missing or infinite: each became the mean of its feature."]
    assert data.train.inputs.isfinite().all()


def test_a_feature_without_any_value_is_named(saved):
    rows = RANDOM.random((N, 3))
    rows[:, 1] = np.nan
    rows[3, 2] = np.nan

    data = load_dataset(saved(X=rows, y=Y))

    assert data.notes == [
        "1 feature of X has no value and became 0: 1.",
        "1 value of X is missing: it became the mean of its feature.",
    ]
    assert (data.train.inputs[:, 1] == 0).all()


def test_labels_that_each_occur_once_are_doubted(saved):
    data = load_dataset(saved(X=RANDOM.random((N, 3)), y=np.arange(N)))

    assert data.notes[0] == f"each of the {N} labels is a class of its own: are these the labels?"


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no file .*absent\.npz"):
        load_dataset(str(tmp_path / "absent.npz"))


@pytest.mark.filterwarnings("error")
def test_features_of_any_size_count_and_images_too_large_for_a_network_are_refused(saved):
    rows = RANDOM.normal(size=(N, 3))
    small, large = load_dataset(saved(X=rows, y=Y)), load_dataset(saved(X=rows * 1e300, y=Y))

    assert np.allclose(small.train.inputs, large.train.inputs, atol=1e-5)
    assert large.notes == []
    with pytest.raises(ConfigError, match=r"X in .* holds numbers up to 1e\+300: scale them to less than 3e\+38"):
        load_dataset(saved(X=np.where(np.arange(N)[:, None, None] == 4, 1e300, np.ones((N, 4, 4))), y=Y))


def test_a_feature_far_outside_of_what_training_holds_is_counted(saved):
    held_out = load_dataset(saved(X=RANDOM.normal(size=(N, 3)), y=Y))
    row = np.setdiff1d(np.arange(N), held_out.ids)[0]
    rows = RANDOM.normal(size=(N, 3))
    rows[row, 1] = 1e200

    assert load_dataset(saved(X=rows, y=Y)).notes == ["1 number too far from those of training became the mean: 1."]


def test_classes_that_no_example_has_are_named(saved):
    data = load_dataset(saved(X=RANDOM.normal(size=(N, 3)), y=Y, classes=list("abcd")))

    assert data.classes == ["a", "b", "c", "d"]
    assert data.notes[0].startswith("2 classes have no example in y in ")
    assert data.notes[0].endswith(": c, d.")
