"""Folders of images: layouts, sizes, what is skipped and said, and what cannot be used."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from probes.data import LazyImages, image_folder, load_dataset
from probes.errors import ConfigError


def files(*folders, count=20, size=(4, 4)):
    return {f"{folder}/{i:02}.png": size for folder in folders for i in range(count)}


def test_classes_are_folders_and_ids_are_paths_inside(pets):
    data = load_dataset(f"folder:{pets}")

    assert (data.name, data.kind, data.classes, data.image_shape) == ("pictures", "image", ["cat", "dog"], (6, 5, 3))
    assert (len(data.train), len(data.validation), len(data.test)) == (48, 6, 6)
    assert [name.split("/")[0] for name in data.ids] == [data.classes[label] for label in data.train.given_labels]
    assert list(data.paths) == [os.path.join(pets, name) for name in data.ids]
    assert data.train.true_labels is None
    assert data.notes == []


def test_pixels_are_those_of_the_files(pets):
    data = load_dataset(str(pets))

    with Image.open(pets / data.ids[7]) as picture:
        assert np.array_equal(data.train.images[7], np.asarray(picture))
    assert data.train.inputs.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert data.train.inputs.std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], abs=1e-5)


@pytest.mark.parametrize("validation", ["val", "validation", "valid"])
def test_parts_beside_train_are_used(make_folder, validation):
    folder = make_folder(
        files("train/a", "train/b") | files(f"{validation}/a", f"{validation}/b", count=3) | files("test/b", count=2)
    )

    data = load_dataset(f"folder:{folder}")

    assert (len(data.train), len(data.validation), len(data.test)) == (40, 6, 2)
    assert data.ids[0] == "train/a/00.png"
    assert data.test.given_labels.tolist() == [1, 1]
    assert data.other_ids.tolist() == []


def test_a_missing_part_is_taken_from_training(make_folder):
    data = load_dataset(f"folder:{make_folder(files('train/a', 'train/b') | files('test/a', 'test/b', count=3))}")

    assert (len(data.train), len(data.validation), len(data.test)) == (36, 4, 6)
    assert len(data.other_ids) == 4


def test_train_may_be_a_class(make_folder):
    """CIFAR-100 has one."""
    assert load_dataset(str(make_folder(files("bus", "train", "train/old")))).classes == ["bus", "train"]


def test_what_lies_in_no_part_or_class_is_named(make_folder):
    folder = make_folder(files("train/a", "train/b", "extra/a") | {"0.png": (4, 4), "train/1.png": (4, 4)})
    assert load_dataset(str(folder)).notes == ["1 image was not used, lying in no class: 0.png."]

    (folder / "train/1.png").unlink()
    assert load_dataset(str(folder)).notes == [
        "1 folder was not used, being none of the parts: extra.",
        "1 image was not used, lying in no class: 0.png.",
    ]


def test_images_deeper_in_a_class_count(make_folder):
    data = load_dataset(str(make_folder(files("a/2020/may", "b"))))

    assert data.classes == ["a", "b"]
    assert "a/2020/may/00.png" in {*data.ids, *data.other_ids}


def test_hidden_and_unfinished_files_are_ignored(make_folder):
    hidden = {"a/.hidden.png": (4, 4), ".cache/x.png": (4, 4), "a/..00.png.tmp-123": b"x", "a/.more/x.png": (4, 4)}

    data = load_dataset(str(make_folder(files("a", "b") | hidden)))

    assert len(data.train) + len(data.other_ids) == 40
    assert data.notes == []


def test_other_files_are_named(make_folder):
    data = load_dataset(str(make_folder(files("a", "b") | {"a/notes.txt": b"hello"})))

    assert data.notes == ["1 file was not used, being no images: a/notes.txt."]


def test_grey_stays_grey_only_if_all_are(make_folder):
    grey = {f"{name}/{i}.png": np.full((4, 4), 9 * i) for name in "ab" for i in range(10)}

    assert load_dataset(str(make_folder(grey, "grey"))).train.inputs.shape[1] == 1
    mixed = load_dataset(str(make_folder(grey | {"a/colour.png": (4, 4)}, "mixed")))
    assert mixed.train.inputs.shape[1] == 3


def test_sizes_that_differ_become_squares_of_the_median_shorter_side(make_folder):
    sizes = [(10, 30), (20, 20), (40, 30), (50, 60), (20, 90)]  # shorter sides 10, 20, 30, 50, 20
    folder = make_folder({f"{name}/{i}.png": size for name in "abcd" for i, size in enumerate(sizes)})

    data = load_dataset(str(folder))

    assert data.image_shape == (20, 20, 3)
    assert "images of 5 sizes were resized and cropped at their centre to 20 x 20 pixels." in data.notes


def test_a_square_is_never_larger_than_224(make_folder):
    folder = make_folder({f"{name}/{i}.png": np.zeros((300 + i, 300)) for name in "ab" for i in range(3)})

    assert load_dataset(str(folder)).image_shape == (224, 224)


def test_unreadable_images_are_counted_named_and_skipped(make_folder, monkeypatch):
    whole = make_folder({"x.png": (16, 16)}, "one") / "x.png"
    folder = make_folder(
        files("a", "b", size=(16, 16))
        | {"a/empty.png": b"", "b/half.png": whole.read_bytes()[:300], "b/text.jpg": b"hello"}
    )
    Image.new("1", (900, 900)).save(folder / "a" / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)

    data = load_dataset(str(folder))

    (note,) = data.notes
    assert note.startswith("4 images were skipped, being unreadable: a/bomb.png (too many pixels to be decoded safely)")
    assert all(name in note for name in ("a/empty.png (not an image)", "b/half.png (", "b/text.jpg (not an image)"))
    assert len(data.train) + len(data.other_ids) == 40


def test_an_image_damaged_inside_is_skipped_when_it_is_decoded(make_folder):
    folder = make_folder(files("a", "b", size=(32, 32)))
    content = bytearray((folder / "a/03.png").read_bytes())
    content[200:260] = bytes(60)  # header and end are whole, the pixels are not
    (folder / "a/03.png").write_bytes(content)

    data = load_dataset(str(folder))

    assert "1 image was skipped, being unreadable: a/03.png" in data.notes[0]
    assert len(data.train) + len(data.other_ids) == 39


def test_names_that_are_not_utf8_become_printable_ids(make_folder):
    folder = make_folder(files("a", "b"))
    os.rename(os.fsencode(folder / "a" / "00.png"), os.fsencode(folder / "a") + b"/caf\xe9.png")
    os.rename(os.fsencode(folder / "b"), os.fsencode(folder) + b"/b\xff")

    data = load_dataset(str(folder))

    assert "a/caf\\xe9.png" in {*data.ids, *data.other_ids}
    assert data.classes == ["a", "b\\xff"]
    " ".join([*data.ids, *data.paths, *data.classes]).encode("utf-8")


def test_a_class_without_readable_images_is_left_out(make_folder):
    data = load_dataset(str(make_folder(files("a", "b") | {"c/0.png": b"x"})))

    assert data.classes == ["a", "b"]
    assert "1 class was left out, having no image that can be read: c." in data.notes


def test_a_class_folder_without_images_is_left_out_and_named(make_folder):
    folder = make_folder(files("a", "b"))
    (folder / "c").mkdir()

    data = load_dataset(str(folder))

    assert data.classes == ["a", "b"]
    assert data.notes[0] == "1 class was left out, having no image: c."


@pytest.mark.parametrize(
    ("link", "target"), [("a/up", ".."), ("a/deep/round", "../.."), ("again", "."), ("a/self", ".")]
)
def test_a_link_to_a_folder_around_it_is_not_followed_and_named(make_folder, link, target):
    """Followed, it would put the images of every class into one."""
    folder = make_folder(files("a", "b") | {"a/deep/0.png": (4, 4)})
    plain = load_dataset(str(folder))
    (folder / link).symlink_to(target)

    data = load_dataset(str(folder))

    assert data.classes == ["a", "b"]
    assert sorted([*data.ids, *data.other_ids]) == sorted([*plain.ids, *plain.other_ids])
    assert f"1 link was not followed, leading to a folder around it: {link}." in data.notes


def test_a_link_to_a_folder_elsewhere_is_followed(make_folder):
    folder = make_folder(files("a"))
    (folder / "b").symlink_to(make_folder(files("c"), "elsewhere") / "c")

    assert load_dataset(str(folder)).classes == ["a", "b"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a.csv").write_text("x,label\n1,a\n")

    with pytest.raises(ConfigError, match=r"a\.csv is a file, not a folder of images: leave out 'folder:'"):
        load_dataset(f"folder:{tmp_path}/a.csv")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"notes.txt": b"x"}, "it holds no images"),
        ({"0.png": (4, 4)}, "its 1 image lies in no class"),
        ({f"{i}.png": (4, 4) for i in range(3)}, "its 3 images lie in no class"),
        (files("a"), "one class only (a)"),
        ({"a/0.png": b"x", "b/0.png": b""}, "none of its images can be read"),
        (files("outer/a", "outer/b"), "Did you mean"),
        (files("train/a", "train/b") | files("test/c"), "the test part has the class 'c', which the training part"),
        (files("a", "b", count=1), "2 examples are too few to split"),
    ],
)
def test_what_cannot_be_used_is_one_line(make_folder, content, fault):
    with pytest.raises(ConfigError) as caught:
        load_dataset(f"folder:{make_folder(content)}")

    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_absent_folder_is_named(tmp_path):
    with pytest.raises(ConfigError, match="there is no folder .*absent"):
        load_dataset(f"folder:{tmp_path / 'absent'}")


def test_a_large_folder_is_read_when_needed_and_gives_the_same(pets, monkeypatch):
    whole = load_dataset(str(pets))
    monkeypatch.setattr(image_folder, "IN_MEMORY_BYTES", 1000)

    lazy = load_dataset(str(pets))

    assert isinstance(lazy.train.inputs, LazyImages)
    assert isinstance(lazy.test.inputs, LazyImages)
    assert torch.equal(lazy.train.inputs.read(), whole.train.inputs)
    assert np.array_equal(lazy.train.images(5), whole.train.images[5])
    assert np.array_equal(lazy.ids, whole.ids)
    assert "60 images are read from their files as they are needed" in lazy.notes[0]
