"""The reference protocol with 40 % noise shows what it was measured to show, on more than one seed."""

import pytest

from probes.training import TrainConfig, train

SEEDS = (0, 1)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def summaries(tmp_path_factory):
    folder = tmp_path_factory.mktemp("acceptance")
    configs = {seed: TrainConfig(noise=0.4, seed=seed, probe="none", checkpoint_epochs=()) for seed in SEEDS}
    return {seed: train(config, folder / str(seed)).summary() for seed, config in configs.items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_clean_examples_are_learned_long_before_noisy_ones_are_memorized(summaries, seed):
    summary = summaries[seed]

    assert 0.31 < summary["num_noisy"] / summary["num_examples"] < 0.41
    assert summary["clean_learned_epoch"] <= 5
    assert summary["noisy_memorized_epoch"] >= 5 * summary["clean_learned_epoch"]
    assert summary["final_noisy_accuracy"] >= 0.99
    assert summary["noisy_true_label_peak"] > 0.8
    assert summary["detection"]["mean_loss"]["auroc"] > 0.94


@pytest.mark.parametrize("seed", SEEDS)
def test_test_accuracy_falls_as_noise_is_memorized(summaries, seed):
    assert summaries[seed]["peak_test_accuracy"] - summaries[seed]["final_test_accuracy"] > 0.05


def test_test_accuracy_falls_by_a_tenth_in_the_mean(summaries):
    drops = [summary["peak_test_accuracy"] - summary["final_test_accuracy"] for summary in summaries.values()]

    assert sum(drops) / len(drops) > 0.10
