"""ExampleSet: what it accepts, how it is walked through."""

import numpy as np
import pytest
import torch

from probes.data import ExampleSet


def test_batches_cover_every_example_once_in_order():
    examples = ExampleSet(torch.arange(10.0).reshape(5, 2), [0, 1, 2, 3, 4])

    batches = list(examples.batches(2))

    assert [len(index) for index, _, _ in batches] == [2, 2, 1]
    assert torch.cat([index for index, _, _ in batches]).tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(torch.cat([inputs for _, inputs, _ in batches]), examples.inputs)
    assert torch.cat([targets for _, _, targets in batches]).tolist() == [0, 1, 2, 3, 4]


def test_targets_are_the_given_labels():
    examples = ExampleSet([[1.0], [2.0]], [1, 0], true_labels=[0, 0])

    (_, _, targets), *_ = examples.batches(2)

    assert targets.tolist() == [1, 0]


def test_batches_copy_nothing():
    examples = ExampleSet(torch.zeros(4, 3), [0, 0, 1, 1])

    for _, inputs, _ in examples.batches(2):
        inputs += 1

    assert examples.inputs.sum() == 12


@pytest.mark.parametrize("make", [torch.tensor, np.array, list], ids=["tensor", "array", "list"])
def test_accepts_tensors_arrays_and_lists(make):
    examples = ExampleSet(make([[1.0, 2.0], [3.0, 4.0]]), make([1, 0]), true_labels=make([1, 1]), index=make([7, 9]))

    assert examples.inputs.dtype == torch.float32
    assert (examples.given_labels.dtype, examples.index.dtype) == (torch.int64, torch.int64)
    assert examples.index.tolist() == [7, 9]


def test_noisy_is_where_given_differs_from_true():
    assert ExampleSet(torch.zeros(3, 1), [0, 1, 2], true_labels=[0, 2, 2]).noisy.tolist() == [False, True, False]


def test_noisy_is_unknown_without_true_labels():
    assert ExampleSet(torch.zeros(3, 1), [0, 1, 2]).noisy is None


@pytest.mark.parametrize("positions", [[3, 1], np.array([3, 1]), torch.tensor([3, 1])])
def test_select_keeps_what_belongs_to_each_example(positions):
    images = np.arange(4 * 2 * 2, dtype=np.uint8).reshape(4, 2, 2)
    examples = ExampleSet(
        torch.arange(4.0)[:, None], [0, 1, 2, 3], true_labels=[3, 2, 1, 0], images=images, split="test"
    )

    chosen = examples.select(positions)

    assert chosen.index.tolist() == [3, 1]
    assert chosen.inputs.flatten().tolist() == [3.0, 1.0]
    assert chosen.given_labels.tolist() == [3, 1]
    assert chosen.true_labels.tolist() == [0, 2]
    assert chosen.images.tolist() == images[[3, 1]].tolist()
    assert chosen.split == "test"


def test_selecting_twice_still_names_positions_in_the_full_set():
    examples = ExampleSet(torch.zeros(6, 1), [0] * 6)

    assert examples.select([5, 3, 1]).select([2, 0]).index.tolist() == [1, 5]


def test_select_takes_a_mask():
    examples = ExampleSet(torch.zeros(3, 1), [0, 1, 2])

    assert examples.select(examples.given_labels > 0).index.tolist() == [1, 2]


def test_select_of_nothing_is_an_empty_set():
    chosen = ExampleSet(torch.zeros(3, 1), [0, 1, 2]).select([])

    assert len(chosen) == 0
    assert list(chosen.batches(4)) == []


def test_to_moves_every_tensor():
    examples = ExampleSet(torch.zeros(3, 1), [0, 1, 2], true_labels=[0, 1, 2]).to("meta")

    tensors = (examples.inputs, examples.given_labels, examples.true_labels, examples.index, examples.noisy)
    assert {tensor.device.type for tensor in tensors} == {"meta"}


@pytest.mark.parametrize("name", ["given_labels", "true_labels", "index"])
def test_refuses_another_length(name):
    arguments = {"given_labels": [0, 1, 0], name: [0, 1]}

    with pytest.raises(ValueError, match=rf"{name} must have one entry for each of the 3 inputs, got shape \(2,\)"):
        ExampleSet(torch.zeros(3, 1), **arguments)


def test_refuses_images_of_another_length():
    with pytest.raises(ValueError, match="images must hold one entry for each of the 3 inputs, got 2"):
        ExampleSet(torch.zeros(3, 1), [0, 1, 0], images=np.zeros((2, 4, 4), np.uint8))


@pytest.mark.parametrize("labels", [[0.0, 1.0], [True, False]])
def test_refuses_labels_that_are_not_whole_numbers(labels):
    with pytest.raises(TypeError, match="given_labels must be whole numbers, got"):
        ExampleSet(torch.zeros(2, 1), labels)


def test_refuses_a_single_number():
    with pytest.raises(ValueError, match="inputs must have a first dimension of examples"):
        ExampleSet(1.0, [0])


def test_refuses_empty_batches():
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        next(ExampleSet(torch.zeros(2, 1), [0, 1]).batches(0))


def test_a_replaced_input_is_noisy_whatever_its_label():
    examples = ExampleSet(torch.zeros(3, 1), [0, 1, 2], true_labels=[0, 2, 2], replaced=[False, False, True])

    assert examples.noisy.tolist() == [False, True, True]
    assert examples.select([2, 0]).noisy.tolist() == [True, False]
    assert examples.to("meta").noisy.shape == (3,)


def test_images_may_be_a_function_of_the_position():
    examples = ExampleSet(torch.zeros(4, 1), [0] * 4, images=lambda position: np.full((2, 2), position))

    chosen = examples.select([3, 1]).select([1])

    assert chosen.images(0).tolist() == [[1, 1], [1, 1]]
    assert chosen.index.tolist() == [1]


def test_renumbered_examples_are_a_full_set_of_their_own():
    assert ExampleSet(torch.zeros(4, 1), [0, 1, 2, 3]).select([3, 1]).renumbered().index.tolist() == [0, 1]


def test_refuses_replaced_of_another_length():
    with pytest.raises(ValueError, match="replaced must have one entry for each of the 2 inputs, got 1"):
        ExampleSet(torch.zeros(2, 1), [0, 1], replaced=[True])
