"""Changed batches against what can be seen in them."""

import pytest
import torch

from probes.training.augmentation import Augmentation, epoch_seed


def drawn(augmentation, inputs, seed=0):
    return augmentation(inputs, torch.Generator().manual_seed(seed))


def test_a_shift_is_one_of_the_possible_cuts_of_the_padded_image():
    images = torch.arange(2 * 3 * 16.0).reshape(2, 3, 4, 4)
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1), value=-9.0)

    for seed in range(20):
        shifted = drawn(Augmentation(shift=1, blank=-9.0), images, seed)
        for before, after in zip(padded, shifted, strict=True):
            cuts = [before[:, top : top + 4, left : left + 4] for top in range(3) for left in range(3)]
            assert any(torch.equal(after, cut) for cut in cuts)


def test_shifts_differ_between_images_and_reach_every_place():
    one_pixel = torch.zeros(400, 1, 5, 5)
    one_pixel[:, 0, 2, 2] = 1

    places = drawn(Augmentation(shift=1), one_pixel).flatten(1).argmax(1).tolist()

    assert set(places) == {row * 5 + column for row in (1, 2, 3) for column in (1, 2, 3)}


def test_about_half_the_images_are_mirrored_and_the_others_left():
    images = torch.rand(400, 1, 3, 3)

    changed = drawn(Augmentation(mirror=True), images)

    same = (changed == images).flatten(1).all(1)
    assert 150 < int(same.sum()) < 250
    assert torch.equal(changed[~same], images[~same].flip(-1))


def test_noise_has_the_standard_deviation_asked_for():
    changed = drawn(Augmentation(noise=0.3), torch.ones(200, 50))

    assert changed.mean().item() == pytest.approx(1, abs=0.02)
    assert changed.std().item() == pytest.approx(0.3, rel=0.03)


def test_input_dropout_keeps_the_mean():
    changed = drawn(Augmentation(dropout=0.25), torch.ones(200, 50))

    assert changed.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (changed == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_the_same_generator_state_draws_the_same():
    everything = Augmentation(shift=1, mirror=True, noise=0.1, dropout=0.1)
    images = torch.rand(8, 1, 6, 6)

    assert torch.equal(drawn(everything, images, 3), drawn(everything, images, 3))
    assert not torch.equal(drawn(everything, images, 3), drawn(everything, images, 4))


def test_the_inputs_themselves_are_left_alone():
    images = torch.rand(8, 1, 6, 6)
    before = images.clone()

    drawn(Augmentation(shift=1, mirror=True, noise=0.1, dropout=0.1), images)

    assert torch.equal(images, before)


def test_nothing_asked_for_is_false():
    assert not Augmentation(blank=1.0)
    assert Augmentation(noise=0.1)


def test_seeds_of_epochs_differ_and_repeat():
    assert epoch_seed(0, 1) == epoch_seed(0, 1)
    assert len({epoch_seed(seed, epoch) for seed in range(10) for epoch in range(10)}) == 100
