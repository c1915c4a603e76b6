"""Images that stay in their files behave as a tensor of them would."""

import numpy as np
import pytest
import torch
from PIL import Image

from probes.data import ExampleSet
from probes.data.image_files import Frame, UnreadableImageError
from probes.data.lazy_images import LazyImages, LazyPictures
from probes.data.standardise import PixelScale

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 4, 5, 3), dtype=np.uint8)
SCALE = PixelScale.fit(PIXELS)
EXPECTED = torch.from_numpy(SCALE.apply(PIXELS))


@pytest.fixture
def files(tmp_path):
    for i, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    return [str(tmp_path / f"{i}.png") for i in range(10)]


@pytest.fixture
def lazy(files):
    return LazyImages(LazyPictures(files, Frame(4, 5, grey=False)), SCALE)


@pytest.mark.parametrize(
    "positions",
    [slice(2, 5), slice(8, 99), slice(0, 0), torch.tensor([3, 1, 3]), torch.arange(10) > 6, 4, np.array([2, 0])],
    ids=str,
)
def test_indexing_gives_what_a_tensor_gives(lazy, positions):
    assert torch.equal(lazy[positions], EXPECTED[positions])


def test_it_has_the_shape_and_type_of_a_tensor(lazy):
    assert (lazy.shape, len(lazy), lazy.ndim) == (EXPECTED.shape, 10, 4)
    assert lazy.is_floating_point()
    assert (lazy.dtype, lazy.device, lazy.nbytes) == (torch.float32, torch.device("cpu"), EXPECTED.nbytes)


@pytest.mark.parametrize("size", [1, 3, 10, 11])
def test_an_example_set_of_them_has_the_same_batches(lazy, size):
    labels = [0, 1] * 5

    pairs = zip(ExampleSet(lazy, labels).batches(size), ExampleSet(EXPECTED, labels).batches(size), strict=True)

    for batch, expected in pairs:
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(batch, expected, strict=True))


def test_selecting_decodes_nothing(lazy):
    chosen = ExampleSet(lazy, [0, 1] * 5, images=lazy.pictures).select([7, 2])

    assert isinstance(chosen.inputs, LazyImages)
    assert torch.equal(chosen.inputs.read(), EXPECTED[[7, 2]])
    assert np.array_equal(chosen.images(1), PIXELS[2])
    assert chosen.index.tolist() == [7, 2]


def test_a_device_is_where_batches_end_up(lazy):
    examples = ExampleSet(lazy, [0, 1] * 5).to("meta")

    _, inputs, targets = next(examples.batches(4))
    assert (inputs.device.type, targets.device.type) == ("meta", "meta")


def test_leaving_a_pass_early_leaves_no_thread_behind(lazy):
    import threading

    before = threading.active_count()
    batches = lazy.batches(2)
    next(batches)
    batches.close()

    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(5)
    assert threading.active_count() == before


def test_pictures_can_be_walked_through(lazy):
    assert np.array_equal(np.stack(list(lazy.pictures)), PIXELS)


def test_a_file_that_goes_bad_is_named(files, lazy):
    with open(files[3], "wb") as file:
        file.write(b"gone")

    with pytest.raises(UnreadableImageError, match=r"3\.png: not an image"):
        list(lazy.batches(5))
