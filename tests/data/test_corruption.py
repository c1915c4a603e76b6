"""Noise against what its definition says of rates, classes, seeds and inputs."""

import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from probes.data import INPUT_KINDS, corrupt, corrupt_labels, exclude, load_dataset
from probes.errors import ConfigError

LABELS = np.arange(10_000) % 10
DRAWN = ("uniform_all", "uniform_other", "pair")  # kinds that need nothing but labels
EASY = np.random.default_rng(0).normal(size=(600, 3)), np.arange(600) % 3


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.mark.parametrize("seed", range(3))
def test_uniform_all_at_one_flips_nine_tenths_of_ten_classes(seed):
    noise = corrupt_labels(LABELS, "uniform_all", 1.0, 10, seed)

    assert noise.drawn == 1.0
    assert noise.realised == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / len(LABELS)))


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
def test_uniform_all_draws_each_example_with_the_probability_asked_for(share):
    noise = corrupt_labels(LABELS, "uniform_all", share, 10, 0)

    spread = 4 * np.sqrt(share * (1 - share) / len(LABELS))
    assert noise.drawn == pytest.approx(share, abs=spread)
    assert noise.realised == pytest.approx(share * 0.9, abs=spread)


def test_uniform_all_may_keep_the_label_of_a_drawn_example():
    noise = corrupt_labels(LABELS, "uniform_all", 0.5, 10, 0)
    drawn = noise.corruption == "uniform_all"

    assert (drawn & ~noise.noisy).any()
    assert not (noise.noisy & ~drawn).any()


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.1, 1000), (0.39999, 3999), (1.0, 10_000)])
def test_uniform_other_moves_exactly_the_share_asked_for(share, count):
    noise = corrupt_labels(LABELS, "uniform_other", share, 10, 0)

    assert noise.noisy.sum() == count == (noise.corruption == "uniform_other").sum()
    assert noise.realised == noise.drawn == count / len(LABELS)


@pytest.mark.parametrize(("kind", "wrong_classes"), [("uniform_all", 9), ("uniform_other", 9)])
def test_wrong_labels_are_uniform_over_the_other_classes(kind, wrong_classes):
    noise = corrupt_labels(LABELS, kind, 1.0, 10, 0)
    steps = (noise.given_labels - noise.true_labels)[noise.noisy] % 10

    counts = np.bincount(steps, minlength=10)
    expected = counts.sum() / wrong_classes

    assert counts[0] == 0
    assert np.abs(counts[1:] - expected).max() < 5 * np.sqrt(expected)


@pytest.mark.parametrize("kind", DRAWN)
def test_equal_seeds_give_equal_noise(kind):
    first, again, other = (corrupt_labels(LABELS, kind, 0.4, 10, seed).given_labels for seed in (3, 3, 4))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", DRAWN)
def test_less_noise_with_the_same_seed_is_part_of_more(kind):
    less, more = (corrupt_labels(LABELS, kind, share, 10, 0) for share in (0.2, 0.4))
    drawn = less.corruption == kind

    assert (more.corruption == kind)[drawn].all()
    assert np.array_equal(less.given_labels[drawn], more.given_labels[drawn])


@pytest.mark.parametrize("kind", DRAWN)
def test_no_noise_changes_nothing(kind):
    noise = corrupt_labels(LABELS, kind, 0.0, 10, 0)

    assert np.array_equal(noise.given_labels, LABELS)
    assert set(noise.corruption) == {""}
    assert noise.rates == {"kind": kind, "requested": 0.0, "drawn": 0.0, "realised": 0.0}


def test_labels_passed_in_are_left_as_they_were():
    labels = LABELS.copy()

    corrupt_labels(labels, "uniform_other", 1.0, 10, 0)

    assert np.array_equal(labels, LABELS)


@pytest.mark.parametrize(("share", "shown"), [(float("nan"), "nan"), (-0.1, "-0.1"), (1.5, "1.5"), (np.inf, "inf")])
def test_a_share_outside_zero_to_one_is_refused(share, shown):
    with pytest.raises(ConfigError, match=rf"^noise must lie in \[0, 1\], got {shown}\.$"):
        corrupt_labels(LABELS, "uniform_all", share, 10, 0)


def test_uniform_other_needs_another_class():
    with pytest.raises(ConfigError, match="'uniform_other' needs at least 2 classes, got 1"):
        corrupt_labels(np.zeros(5, dtype=int), "uniform_other", 0.5, 1, 0)


def test_an_unknown_kind_suggests_the_nearest():
    with pytest.raises(ConfigError, match="unknown noise kind 'uniform-other'. Did you mean 'uniform_other'?"):
        corrupt_labels(LABELS, "uniform-other", 0.5, 10, 0)


def test_a_label_outside_the_classes_is_refused():
    with pytest.raises(ValueError, match=r"labels must lie in \[0, 9\), got 0 to 9"):
        corrupt_labels(LABELS, "uniform_all", 0.5, 9, 0)


# The other kinds of label noise


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_pair_moves_a_label_to_the_next_class_and_nowhere_else(share):
    noise = corrupt_labels(LABELS, "pair", share, 10, 0)

    table = np.zeros((10, 10))
    np.add.at(table, (noise.true_labels, noise.given_labels), 1 / 1000)
    spread = 5 * np.sqrt(share * (1 - share) / 1000)
    assert np.abs(np.diag(table) - (1 - share)).max() < spread
    assert np.abs(np.diag(np.roll(table, -1, axis=1)) - share).max() < spread
    assert np.count_nonzero(table) == 20


TABLE = np.array([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]])


@pytest.fixture(params=["csv", "npy", "json"])
def matrix(request, tmp_path):
    path = tmp_path / f"table.{request.param}"
    if request.param == "csv":
        np.savetxt(path, TABLE, delimiter=",")
    elif request.param == "npy":
        np.save(path, TABLE)
    else:
        path.write_text(json.dumps(TABLE.tolist()))
    return f"matrix:{path}"


def test_a_matrix_sets_how_often_each_class_becomes_each(matrix):
    labels = np.arange(30_000) % 3

    noise = corrupt_labels(labels, matrix, 1.0, 3, 0)

    found = np.zeros((3, 3))
    np.add.at(found, (labels, noise.given_labels), 1 / 10_000)
    assert np.abs(found - TABLE).max() < 5 * np.sqrt(0.25 / 10_000)
    assert (found[TABLE == 0] == 0).all()
    assert set(noise.corruption) == {matrix}


def test_half_a_matrix_leaves_half_of_the_labels(matrix):
    noise = corrupt_labels(np.full(10_000, 2), matrix, 0.5, 3, 0)

    assert noise.drawn == pytest.approx(0.5, abs=0.02)
    assert noise.realised == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("1,0\n0,1", "must hold a 3 x 3 table, got shape (2, 2)"),
        ("1,0,0\n0,1\n0,0.5,0.5", "every row must hold one number for each class, got 3 in row 0 and 2 in row 1."),
        ("1,0,0\n0,1,0\n0,0.5,0.4", "must sum to 1, got 0.9 in row 2"),
        ("1,0,0\n0,1,0\n0,1.5,-0.5", "must hold probabilities, got -0.5"),
        ("1,0,0\n0,1,0\n0,nan,0", "must hold probabilities, got nan"),
        ("a,b,c\n0,1,0", "cannot be read as a table of numbers"),
    ],
)
def test_a_table_that_is_no_noise_is_one_line(tmp_path, content, fault):
    (tmp_path / "bad.csv").write_text(content)

    with pytest.raises(ConfigError) as caught:
        corrupt_labels(LABELS % 3, f"matrix:{tmp_path / 'bad.csv'}", 0.5, 3, 0)

    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_of_different_lengths_are_one_plain_line(tmp_path):
    (tmp_path / "bad.json").write_text("[[1, 0, 0], [0, 1, 0], [1]]")

    with pytest.raises(ConfigError, match=r"one number for each class, got 3 in row 0 and 1 in row 2\.$"):
        corrupt_labels(LABELS % 3, f"matrix:{tmp_path / 'bad.json'}", 0.5, 3, 0)


@pytest.mark.parametrize("name", ["absent.csv", "table.txt"])
def test_a_table_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(ConfigError, match=name):
        corrupt_labels(LABELS, f"matrix:{tmp_path / name}", 0.5, 10, 0)


def test_instance_noise_takes_what_a_logistic_regression_confuses_most():
    from sklearn.linear_model import LogisticRegression

    inputs, labels = np.random.default_rng(0).normal(size=(300, 4)), np.arange(300) % 3
    inputs[np.arange(300), labels] += 2
    probabilities = LogisticRegression().fit(inputs.astype(np.float32), labels).predict_proba(inputs.astype(np.float32))
    probabilities[np.arange(300), labels] = 0
    expected = np.argsort(-probabilities.max(axis=1))[:60]

    noise = corrupt((inputs, labels), {"instance": 0.2}, seed=0)

    assert set(np.flatnonzero(noise.corruption == "instance")) == set(expected)
    assert np.array_equal(noise.given_labels[expected], probabilities.argmax(axis=1)[expected])
    assert noise.drawn == noise.realised == 0.2


def test_less_instance_noise_is_part_of_more():
    less, more = (corrupt(EASY, {"instance": share}, seed=0).corruption == "instance" for share in (0.1, 0.3))

    assert more[less].all()
    assert (less.sum(), more.sum()) == (60, 180)


def test_instance_noise_of_labels_alone_asks_for_the_inputs():
    with pytest.raises(ConfigError, match="'instance' needs the inputs"):
        corrupt_labels(LABELS, "instance", 0.5, 10, 0)


# Inputs


@pytest.mark.parametrize("kind", INPUT_KINDS)
def test_input_noise_replaces_exactly_its_share_and_keeps_labels(digits, kind):
    noise = corrupt(digits, {kind: 0.3}, seed=0)

    same = (noise.inputs == digits.train.inputs).flatten(1).all(1).numpy()
    assert noise.noisy.sum() == 420 == (noise.corruption == kind).sum()
    assert np.array_equal(noise.noisy, ~same)
    assert np.array_equal(noise.given_labels, digits.train.given_labels)
    assert noise.drawn == noise.realised == 0.3


@pytest.mark.parametrize("kind", INPUT_KINDS)
def test_equal_seeds_replace_inputs_alike(digits, kind):
    first, again, other = (corrupt(digits, {kind: 0.3}, seed=seed).inputs for seed in (3, 3, 4))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", INPUT_KINDS)
def test_inputs_of_a_smaller_share_are_replaced_alike_in_a_larger(digits, kind):
    less, more = (corrupt(digits, {kind: share}, seed=0) for share in (0.1, 0.5))

    rows = torch.from_numpy(less.corruption == kind)
    assert (more.corruption == kind)[rows.numpy()].all()
    assert torch.allclose(less.inputs[rows], more.inputs[rows])


def test_one_permutation_shuffles_training_validation_and_test(digits):
    shuffled = corrupt(digits, {"shuffled_pixels": 1.0}, seed=0).apply(digits)

    before, after = (
        torch.cat([part.inputs for part in (data.train, data.validation, data.test)]).flatten(1)
        for data in (digits, shuffled)
    )
    places = [(before == column[:, None]).all(0) for column in after.T]  # of each pixel, over all images
    assert all(place.any() for place in places)
    assert sum(not place[i] for i, place in enumerate(places)) > 50


def test_shuffled_pixels_are_for_an_mlp_only_another_order_of_its_inputs(digits):
    """The null test: the first layer's columns, permuted alike, give the same outputs and the same gradients."""
    order = torch.from_numpy(_order(64))
    shuffled = corrupt(digits, {"shuffled_pixels": 1.0}, seed=0).apply(digits)

    layers = torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)
    first = torch.nn.Sequential(torch.nn.Flatten(), *layers).double()
    losses = []
    for data, columns in ((digits, torch.arange(64)), (shuffled, order)):
        model = deepcopy(first)
        model[1].weight.data = model[1].weight.data[:, columns]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        for _, inputs, targets in data.train.batches(64):
            loss = torch.nn.functional.cross_entropy(model(inputs.double()), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    half = len(losses) // 2
    assert losses[half:] == pytest.approx(losses[:half], abs=1e-10)


def _order(size):
    """Which pixel each place of a shuffled image shows, read off an image of distinct values."""
    image = torch.arange(float(size)).reshape(1, 1, 8, 8)
    noise = corrupt((image, np.array([0])), {"shuffled_pixels": 1.0}, seed=0, num_classes=2)
    return noise.inputs.flatten().long().numpy()


def test_random_pixels_permute_each_image_its_own_way_and_channels_together():
    positions = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    images = np.broadcast_to(np.stack([positions, positions + 100, positions + 200]), (50, 3, 3, 4))

    noise = corrupt((images, np.arange(50) % 2), {"random_pixels": 1.0}, seed=0)

    flat = noise.inputs.reshape(50, 3, 12)
    assert torch.equal(flat[:, 0].sort(1).values, torch.arange(12.0).expand(50, 12))
    assert torch.equal(flat[:, 1], flat[:, 0] + 100)
    assert torch.equal(flat[:, 2], flat[:, 0] + 200)
    assert len({tuple(order) for order in flat[:, 0].tolist()}) == 50


def test_shuffled_pixels_move_channels_together():
    images = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)

    changed = corrupt((images, np.array([0, 1])), {"shuffled_pixels": 1.0}, seed=0).inputs.reshape(2, 3, 20)

    assert torch.equal(changed[:, 1], changed[:, 0] + 20)
    assert torch.equal(changed[:, 2], changed[:, 0] + 40)
    assert torch.equal(changed[1], changed[0] + 60)


def test_gaussian_has_the_mean_and_variance_of_each_channel():
    random = np.random.default_rng(0)
    images = random.random((400, 2, 5, 5)) * np.array([1, 10])[:, None, None] + np.array([3, -7])[:, None, None]

    drawn = corrupt((images, np.arange(400) % 2), {"gaussian": 1.0}, seed=0).inputs.numpy()

    for channel in (0, 1):
        raw = images[:, channel]
        assert drawn[:, channel].mean() == pytest.approx(raw.mean(), abs=5 * raw.std() / 100)
        assert drawn[:, channel].std() == pytest.approx(raw.std(), rel=0.05)
    assert abs(np.corrcoef(drawn[:, 0].ravel(), images[:, 0].ravel())[0, 1]) < 0.05


def test_permutations_of_a_table_are_of_its_features():
    rows = np.broadcast_to(np.arange(6.0), (30, 6))

    one = corrupt((rows, np.arange(30) % 2), {"shuffled_pixels": 1.0}, seed=0).inputs
    each = corrupt((rows, np.arange(30) % 2), {"random_pixels": 1.0}, seed=0).inputs

    assert (one == one[0]).all()
    assert sorted(one[0].tolist()) == list(range(6))
    assert len({tuple(row) for row in each.tolist()}) > 20


@pytest.mark.parametrize("kind", ["random_pixels", "gaussian"])
def test_noise_on_all_inputs_is_on_held_out_inputs_too_with_draws_of_their_own(digits, kind):
    noisy = corrupt(digits, {kind: 1.0}, seed=0).apply(digits)

    assert not torch.equal(noisy.validation.inputs, digits.validation.inputs)
    assert not torch.equal(noisy.test.inputs[:197], noisy.validation.inputs)
    assert torch.equal(noisy.test.given_labels, digits.test.given_labels)
    assert noisy.noisy.all()
    if kind == "random_pixels":
        assert torch.equal(noisy.test.inputs.flatten(1).sort(1).values, digits.test.inputs.flatten(1).sort(1).values)


@pytest.mark.parametrize("shares", [{"gaussian": 0.9}, {"uniform_all": 1.0}, {"gaussian": 0.5, "random_pixels": 0.5}])
def test_anything_less_leaves_held_out_parts_alone(digits, shares):
    noisy = corrupt(digits, shares, seed=0).apply(digits)

    assert noisy.validation is digits.validation
    assert noisy.test is digits.test


def test_images_show_the_replaced_inputs(digits):
    noise = corrupt(digits, {"random_pixels": 0.3, "gaussian": 0.2, "uniform_other": 0.1}, seed=0)
    noisy = noise.apply(digits)

    ink = (noise.inputs[:, 0].numpy() * digits.sd + digits.mean).clip(0, 1) * 255
    replaced = np.isin(noise.corruption, INPUT_KINDS)
    assert np.abs(noisy.train.images[replaced] - ink[replaced]).max() < 0.51
    assert np.array_equal(noisy.train.images[~replaced], digits.train.images[~replaced])


# Mixtures


MIXED = {"gaussian": 0.1, "uniform_all": 0.2, "random_pixels": 0.1, "uniform_other": 0.2, "instance": 0.1, "pair": 0.05}


def test_kinds_of_a_mixture_do_not_meet_and_have_their_shares(digits):
    noise = corrupt(digits, MIXED, seed=0)

    counts = {kind: int((noise.corruption == kind).sum()) for kind in MIXED}
    assert counts == {kind: int(share * 1400) for kind, share in MIXED.items()}
    assert (noise.corruption == "").sum() == 1400 - sum(counts.values())
    assert noise.requested == pytest.approx(0.75)
    for kind in ("gaussian", "random_pixels", "uniform_other", "instance", "pair"):
        assert noise.by_kind[kind]["realised"] == noise.by_kind[kind]["drawn"] == counts[kind] / 1400
    assert noise.by_kind["uniform_all"]["realised"] == pytest.approx(0.18, abs=0.03)
    assert noise.rates["kinds"] == noise.by_kind
    assert noise.realised == pytest.approx(sum(rates["realised"] for rates in noise.by_kind.values()))


def test_labels_outside_the_label_kinds_stay(digits):
    noise = corrupt(digits, MIXED, seed=0)

    label_kinds = np.isin(noise.corruption, ["uniform_all", "uniform_other", "pair", "instance"])
    assert np.array_equal(noise.given_labels[~label_kinds], noise.true_labels[~label_kinds])
    same = (noise.inputs == digits.train.inputs).flatten(1).all(1).numpy()
    assert np.array_equal(~same, np.isin(noise.corruption, INPUT_KINDS))


def test_the_order_in_which_kinds_are_named_changes_nothing(digits):
    first, second = corrupt(digits, MIXED, seed=1), corrupt(digits, dict(reversed(MIXED.items())), seed=1)

    assert np.array_equal(first.given_labels, second.given_labels)
    assert torch.equal(first.inputs, second.inputs)


def test_shares_that_sum_to_one_leave_nothing_clean(digits):
    noise = corrupt(digits, {"uniform_other": 0.5, "gaussian": 0.5}, seed=0)

    assert noise.noisy.all()


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_one_kind_of_a_data_set_is_drawn_as_by_labels_alone(digits, kind, share):
    labels = digits.train.given_labels.numpy()

    ours, alone = corrupt(digits, {kind: share}, seed=7), corrupt_labels(labels, kind, share, 10, 7)

    assert np.array_equal(ours.given_labels, alone.given_labels)
    assert np.array_equal(ours.corruption, alone.corruption)
    assert ours.rates == alone.rates
    assert ours.inputs is None


def test_the_noise_of_the_reference_protocol_has_not_changed():
    """Draws of numpy's own generator, spelled out."""
    random = np.random.default_rng(5)
    chosen = random.random(1000) < 0.4
    expected = np.where(chosen, random.integers(0, 10, 1000), LABELS[:1000])

    assert np.array_equal(corrupt_labels(LABELS[:1000], "uniform_all", 0.4, 10, 5).given_labels, expected)


def test_no_noise_at_all_changes_nothing(digits):
    noise = corrupt(digits, {}, seed=0)

    assert not noise.noisy.any()
    assert (noise.kind, noise.requested, noise.by_kind) == ("", 0.0, {})
    assert noise.apply(digits).train.inputs is digits.train.inputs


def test_noise_on_real_noise_is_judged_by_the_true_labels(digits):
    truth = digits.train.true_labels.numpy()
    real = digits.with_labels((truth + (np.arange(1400) < 100)) % 10)

    noise = corrupt(real, {"uniform_other": 0.5}, seed=0)

    assert np.array_equal(noise.true_labels, truth)
    assert np.array_equal(noise.noisy, noise.given_labels != truth)
    assert noise.noisy[:100].sum() > 80


def test_labels_of_unknown_truth_count_as_true_once_noise_is_drawn(digits):
    unknown = replace(digits, train=type(digits.train)(digits.train.inputs, digits.train.given_labels))

    assert corrupt(unknown, {"pair": 0.2}, seed=0).apply(unknown).noisy.sum() > 200
    assert corrupt(unknown, {"pair": 0.0}, seed=0).apply(unknown).noisy is None


def test_what_is_left_out_after_noise_takes_its_noise_along(digits, tmp_path):
    noisy = corrupt(digits, {"uniform_other": 0.2, "gaussian": 0.2}, seed=0).apply(digits)
    (tmp_path / "x.csv").write_text("id\n" + "\n".join(str(name) for name in noisy.ids[noisy.noisy]))

    cleaned = exclude(noisy, tmp_path / "x.csv")

    assert len(cleaned.train) == 840
    assert set(cleaned.corruption) == {""}
    assert not cleaned.noisy.any()
    assert np.array_equal(cleaned.train.images, digits.train.images[np.isin(digits.ids, cleaned.ids)])


def test_input_kinds_are_no_label_noise():
    with pytest.raises(ConfigError, match="'gaussian' replaces inputs, not labels"):
        corrupt_labels(LABELS, "gaussian", 0.5, 10, 0)


def test_images_too_large_for_memory_are_refused(pets, monkeypatch):
    from probes.data import corruption, image_folder

    monkeypatch.setattr(image_folder, "IN_MEMORY_BYTES", 1000)
    lazy = load_dataset(str(pets))
    assert corrupt(lazy, {"gaussian": 0.5}, seed=0).apply(lazy).train.inputs.shape == (48, 3, 6, 5)

    monkeypatch.setattr(corruption, "IN_MEMORY_BYTES", 1000)
    with pytest.raises(ConfigError, match="needs the inputs in memory, and 48 images take 0.0 GB: take fewer"):
        corrupt(lazy, {"gaussian": 0.5}, seed=0)
    assert corrupt(lazy, {"pair": 0.5}, seed=0).inputs is None
