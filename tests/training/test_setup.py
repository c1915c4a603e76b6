"""What a config becomes: device, threads, and what is said of it in run.json."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from probes.errors import ConfigError
from probes.trackers.distributed import Rank
from probes.training import TrainConfig
from probes.training import setup as setups
from probes.training.setup import prepare, run_meta, using_threads


def test_training_is_told_the_given_labels():
    setup = prepare(TrainConfig(noise=0.4, width=8))

    assert setup.examples.given_labels.tolist() == setup.corruption.given_labels.tolist()
    assert setup.examples.true_labels.tolist() == setup.dataset.train.true_labels.tolist()
    assert setup.examples.noisy.sum() == setup.corruption.noisy.sum() > 400


def test_validation_and_test_labels_stay_true():
    clean, noisy = (prepare(TrainConfig(noise=noise, width=8)).dataset for noise in (0.0, 1.0))

    assert noisy.validation.given_labels.tolist() == clean.validation.given_labels.tolist()
    assert noisy.test.given_labels.tolist() == clean.test.given_labels.tolist()


def test_four_seeds_decide_four_things():
    def parts(**seeds):
        setup = prepare(TrainConfig(noise=0.4, width=8, **seeds))
        return setup.dataset.fingerprint, setup.corruption.given_labels.tolist(), setup.model.output.weight.tolist()

    split, noise, weights = parts()

    assert parts(order_seed=1) == (split, noise, weights)
    assert parts(init_seed=1)[:2] == (split, noise)
    assert parts(init_seed=1)[2] != weights
    assert parts(noise_seed=1)[1] != noise
    assert parts(noise_seed=1)[::2] == (split, weights)
    assert parts(split_seed=1)[0] != split
    assert parts(split_seed=1)[2] == weights


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta"])
def test_a_device_that_is_not_there_is_one_clear_line(name):
    with pytest.raises(ConfigError, match=rf"^device '{name}' cannot be used here\. Choose 'auto', 'cpu', or [^\n]*$"):
        prepare(TrainConfig(device=name))


def test_small_models_run_on_one_thread_and_large_ones_on_more():
    assert prepare(TrainConfig(width=512)).threads == 1
    assert prepare(TrainConfig(width=2048, depth=1, batch_size=1400)).threads == torch.get_num_threads()
    assert prepare(TrainConfig(width=8, threads=3)).threads == 3


def test_the_number_of_threads_is_put_back():
    before = torch.get_num_threads()

    with pytest.raises(KeyError), using_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise KeyError

    assert torch.get_num_threads() == before


def test_run_json_says_what_was_asked_for_and_what_came_of_it():
    config = TrainConfig(noise=0.4, seed=3, width=8)
    meta = run_meta(prepare(config), None)

    assert meta["command"] == "train(TrainConfig(noise=0.4, width=8, seed=3))"
    assert meta["config"]["noise_kind"] == "uniform_all"
    assert meta["seeds"] == config.seeds
    assert meta["dataset"]["splits"] == {"train": 1400, "validation": 197, "test": 200}
    assert meta["corruption"].keys() == {"kind", "requested", "drawn", "realised"}
    assert meta["model"] == {"description": "MLP 64-8-8-10", "parameters": 64 * 8 + 8 + 8 * 8 + 8 + 8 * 10 + 10}
    assert run_meta(prepare(config), "probe train --noise 0.4")["command"] == "probe train --noise 0.4"


# Data, noise and what training changes


def test_kinds_of_noise_are_mixed():
    setup = prepare(TrainConfig(corrupt=("uniform_other=0.2", "gaussian=0.1"), width=8))

    kinds = setup.dataset.corruption
    assert {kind: int((kinds == kind).sum()) for kind in set(kinds)} == {"": 980, "uniform_other": 280, "gaussian": 140}
    assert setup.dataset.noisy.sum() == 420
    assert setup.examples.noisy.numpy().sum() == 420


def test_excluding_comes_after_the_noise(tmp_path):
    whole = prepare(TrainConfig(noise=0.4, width=8))
    wrong = whole.dataset.ids[whole.dataset.noisy]
    (tmp_path / "wrong.csv").write_text("id\n" + "\n".join(map(str, wrong)) + "\n")

    cleaned = prepare(TrainConfig(noise=0.4, width=8, exclude=tmp_path / "wrong.csv"))

    assert len(cleaned.examples) == 1400 - len(wrong)
    assert not cleaned.dataset.noisy.any()
    assert set(cleaned.dataset.ids) == set(whole.dataset.ids) - set(wrong)


def test_relabelling_puts_right_what_the_file_names(tmp_path):
    whole = prepare(TrainConfig(noise=0.4, width=8))
    noisy = np.flatnonzero(whole.dataset.noisy)[:50]
    rows = [f"{whole.dataset.ids[i]},{int(whole.dataset.train.true_labels[i])}" for i in noisy]
    (tmp_path / "right.csv").write_text("id,label\n" + "\n".join(rows) + "\n")

    mended = prepare(TrainConfig(noise=0.4, width=8, relabel=tmp_path / "right.csv"))

    assert whole.dataset.noisy.sum() - mended.dataset.noisy.sum() == 50


def test_a_subset_keeps_so_many_and_the_held_out_parts():
    setup = prepare(TrainConfig(subset=200, width=8))

    assert (len(setup.examples), len(setup.dataset.validation), len(setup.dataset.test)) == (200, 197, 200)
    assert np.bincount(setup.dataset.train.given_labels.numpy()).min() >= 18


def test_augmenting_a_table_is_refused(tmp_path):
    np.savez(tmp_path / "table.npz", X=np.random.default_rng(0).random((60, 4)), y=np.arange(60) % 2)

    with pytest.raises(ConfigError, match="augment shifts and mirrors images, and table holds none"):
        prepare(TrainConfig(dataset=tmp_path / "table.npz", augment=True))


@pytest.mark.parametrize(("subset", "fits"), [(204, True), (203, False), (202, False), (200, True)])
def test_of_several_ranks_each_needs_two_examples_of_the_last_batch(monkeypatch, subset, fits):
    monkeypatch.setattr(setups, "current_rank", lambda: Rank(0, 2))
    config = TrainConfig(subset=subset, batch_size=100, batch_norm=True, width=8)
    refused = pytest.raises(ConfigError, match=rf"too small for 2 processes, two for each, of {subset} examples")

    with nullcontext() if fits else refused:
        prepare(config)


def test_batch_norm_and_a_last_batch_of_one_are_refused():
    with pytest.raises(ConfigError, match="batch_size 100 leaves a batch of one of 201 examples"):
        prepare(TrainConfig(subset=201, batch_size=100, batch_norm=True, width=8))


def test_convolutions_run_channels_last():
    model = prepare(TrainConfig(model="cnn", subset=20)).model

    assert model.conv2.weight.is_contiguous(memory_format=torch.channels_last)


def test_inputs_that_are_all_equal_are_noted(tmp_path):
    for name, inputs in (("equal", np.ones((60, 4))), ("other", np.arange(240.0).reshape(60, 4))):
        np.savez(tmp_path / f"{name}.npz", X=inputs, y=np.arange(60) % 2)
    equal, other = (
        prepare(TrainConfig(dataset=str(tmp_path / f"{name}.npz"), width=4)).dataset for name in ("equal", "other")
    )

    assert equal.notes == ["all training inputs are equal: there is nothing to learn from."]
    assert other.notes == []
