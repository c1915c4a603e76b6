"""Every kind of noise of Zhang et al. (ICLR 2017) is fitted by the reference protocol, in the orders known to hold."""

from functools import cache

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from probes.data import corrupt, load_dataset
from probes.models import build_model
from probes.training import TrainConfig, train
from probes.training.loop import epoch_order

pytestmark = pytest.mark.slow

KINDS = {
    "true": {},
    "partial": {"noise": 0.3},
    "random_labels": {"noise": 1.0},
    "shuffled_pixels": {"corrupt": "shuffled_pixels=1"},
    "random_pixels": {"corrupt": "random_pixels=1"},
    "gaussian": {"corrupt": "gaussian=1"},
}
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
LABELS_TAKE, INPUTS_TAKE = 70, 25  # epochs that are enough; under a constant learning rate they change no earlier one


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    """Trains on noise; returns accuracy on given labels and error on the 397 held-out examples, by epoch from 0."""
    folder = tmp_path_factory.mktemp("kinds")

    @cache
    def curves(*noise):
        epochs = LABELS_TAKE if any(name == "noise" for name, _ in noise) else INPUTS_TAKE
        config = TrainConfig(**dict(noise), epochs=epochs, probe="none", checkpoint_epochs=())
        run = train(config, folder / "-".join(map(str, [*sum(noise, ()), "run"])))
        by_group = run.epochs.pivot(index="epoch", columns="group", values="accuracy")
        held_out = (197 * by_group["validation"] + 200 * by_group["test"]) / 397
        return by_group["train/all"].to_numpy(), 1 - held_out.to_numpy()

    return lambda noise: curves(*((name, value) for name, value in noise.items() if value))


def fit_epoch(accuracy):
    """First epoch at which 0.999 of the training examples are predicted as given (science.md A4's T_fit)."""
    return int(np.flatnonzero(accuracy >= 0.999)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_fitted_to_the_last_example(fit, kind):
    assert fit(KINDS[kind])[0].max() == 1.0


def test_random_labels_take_three_times_as_long_as_true_ones(fit):
    assert fit_epoch(fit(KINDS["random_labels"])[0]) >= 3 * fit_epoch(fit(KINDS["true"])[0])


def test_the_more_labels_are_wrong_the_larger_the_test_error_where_all_are_fitted(fit):
    errors = []
    for share in SHARES:
        accuracy, error = fit({"noise": share})
        errors.append(error[fit_epoch(accuracy)])

    assert (np.diff(errors) > 0).all(), errors
    assert abs(errors[-1] - 0.9) <= 0.03, "random labels teach nothing of the true ones"


def test_an_mlp_does_not_see_that_all_images_are_shuffled_alike():
    """With the columns of its first layer permuted as the pixels, it trains as on true images: in float64, where the
    order of sums does not yet grow to anything."""
    true = load_dataset("digits")
    shuffled = corrupt(true, {"shuffled_pixels": 1.0}, seed=0).apply(true)
    order = matching_columns(pixels(true), pixels(shuffled))
    first, second = (
        build_model("mlp", input_shape=(1, 8, 8), num_classes=10, width=512, depth=2, seed=0) for _ in "12"
    )
    with torch.no_grad():
        second.hidden1.weight.copy_(first.hidden1.weight[:, order])

    for model, data in ((first, true), (second, shuffled)):
        train_plainly(model, data.train, epochs=8)

    torch.testing.assert_close(second.hidden1.weight, first.hidden1.weight[:, order], rtol=1e-6, atol=1e-9)
    for part in ("train", "test"):
        with torch.no_grad():
            one, other = (
                model(getattr(data, part).inputs.double()) for model, data in ((first, true), (second, shuffled))
            )
        torch.testing.assert_close(other, one, rtol=1e-6, atol=1e-9)


def pixels(dataset):
    """Of all parts, so that one permutation has to do for all of them."""
    return torch.cat([part.inputs.flatten(1) for part in (dataset.train, dataset.validation, dataset.test)])


def matching_columns(true, shuffled):
    """order with shuffled[:, j] = true[:, order[j]], found from the values; equal columns are matched in turn."""
    places = {}
    for column in range(true.shape[1]):
        places.setdefault(true[:, column].numpy().tobytes(), []).append(column)
    order = [places[column.numpy().tobytes()].pop() for column in shuffled.T.contiguous()]
    assert sorted(order) == list(range(true.shape[1])) != order
    return torch.tensor(order)


def train_plainly(model, examples, epochs):
    model.double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(1, epochs + 1):
        for batch in epoch_order(0, epoch, len(examples)).split(64):
            optimizer.zero_grad()
            cross_entropy(model(examples.inputs[batch].double()), examples.given_labels[batch]).backward()
            optimizer.step()
