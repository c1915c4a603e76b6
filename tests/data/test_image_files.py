"""One image file at a time: odd modes, orientations and faults, made with Pillow."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from probes.data.image_files import Frame, Header, UnreadableImageError, printable, read_header, read_pixels

GREY, COLOUR = Frame(4, 6, grey=True), Frame(4, 6, grey=False)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    values = np.linspace(0, 65535, 24).astype(np.uint16).reshape(4, 6)
    Image.fromarray(values).save(tmp_path / "a.png")

    assert read_header(str(tmp_path / "a.png")) == Header(4, 6, grey=True)
    assert np.array_equal(read_pixels(str(tmp_path / "a.png"), GREY), np.round(values / 257))


def test_floats_up_to_one_are_scaled(tmp_path):
    values = np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6)
    Image.fromarray(values).save(tmp_path / "a.tif")

    assert np.array_equal(read_pixels(str(tmp_path / "a.tif"), GREY), np.round(values * 255))


def test_floats_of_sixteen_bits_are_scaled_not_clipped(tmp_path):
    values = np.linspace(0, 65535, 24, dtype=np.float32).reshape(4, 6)
    Image.fromarray(values).save(tmp_path / "float.tiff")

    assert np.array_equal(read_pixels(str(tmp_path / "float.tiff"), GREY), np.round(values / 257))


@pytest.mark.parametrize("value", [70000, np.nan])
def test_floats_of_no_known_range_are_named(tmp_path, value):
    Image.fromarray(np.full((4, 6), value, dtype=np.float32)).save(tmp_path / "float.tiff")

    with pytest.raises(UnreadableImageError, match="float.tiff: values up to (70000|nan), where 8 or 16 bits"):
        read_pixels(str(tmp_path / "float.tiff"), GREY)


def test_palettes_give_their_colours(tmp_path):
    picture = Image.new("P", (6, 4), 1)
    picture.putpalette([0, 0, 0, 200, 100, 50])
    picture.save(tmp_path / "a.png")

    assert not read_header(str(tmp_path / "a.png")).grey
    assert (read_pixels(str(tmp_path / "a.png"), COLOUR) == [200, 100, 50]).all()


def test_four_inks_become_colour(tmp_path):
    Image.new("CMYK", (6, 4), (0, 255, 255, 0)).save(tmp_path / "a.tif")

    assert (read_pixels(str(tmp_path / "a.tif"), COLOUR) == [255, 0, 0]).all()


@pytest.mark.parametrize(("mode", "ink", "frame"), [("RGBA", (9, 9, 9, 0), COLOUR), ("LA", (9, 0), GREY)])
def test_transparency_shows_white(tmp_path, mode, ink, frame):
    Image.new(mode, (6, 4), ink).save(tmp_path / "a.png")

    assert (read_pixels(str(tmp_path / "a.png"), frame) == 255).all()


def test_a_transparent_palette_entry_shows_white(tmp_path):
    picture = Image.new("P", (6, 4), 0)
    picture.putpalette([10, 20, 30])
    picture.save(tmp_path / "a.gif", transparency=0)

    assert (read_pixels(str(tmp_path / "a.gif"), COLOUR) == 255).all()


def test_one_bit_becomes_black_and_white(tmp_path):
    Image.fromarray(np.eye(4, 6).astype(bool)).save(tmp_path / "a.png")

    assert np.array_equal(read_pixels(str(tmp_path / "a.png"), GREY), np.eye(4, 6) * 255)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_turned_photographs_are_seen_upright(tmp_path, orientation):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 16, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    with Image.open(tmp_path / "a.jpg") as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored))

    header = read_header(str(tmp_path / "a.jpg"))

    assert (header.height, header.width) == upright.shape[:2]
    assert np.array_equal(read_pixels(str(tmp_path / "a.jpg"), Frame(header.height, header.width, False)), upright)


def test_the_shorter_side_is_fitted_and_the_middle_kept(tmp_path):
    thirds = np.repeat(np.array([50, 100, 150], dtype=np.uint8), 20)
    Image.fromarray(np.tile(thirds, (20, 1))).save(tmp_path / "wide.png")

    assert (read_pixels(str(tmp_path / "wide.png"), Frame(10, 10, grey=True))[:, 2:8] == 100).all()


def test_a_large_photograph_is_much_the_same_when_decoded_small(tmp_path):
    ramp = np.linspace(0, 255, 800).astype(np.uint8)
    Image.fromarray(np.tile(ramp, (800, 1))).save(tmp_path / "a.jpg")

    small = read_pixels(str(tmp_path / "a.jpg"), Frame(20, 20, grey=True))

    assert np.abs(small[10].astype(int) - (np.arange(20) + 0.5) * 255 / 20).max() < 4


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_file_cut_short_is_found_by_its_header_check(tmp_path, ending):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / f"a.{ending}")
    content = (tmp_path / f"a.{ending}").read_bytes()
    (tmp_path / f"a.{ending}").write_bytes(content[: len(content) // 2])

    with pytest.raises(UnreadableImageError, match=rf"a\.{ending}: .*truncated"):
        read_header(str(tmp_path / f"a.{ending}"))


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "not an image"), (b"GIF89a", "a.png: "), (b"text", "not an image")]
)
def test_what_is_no_image_says_so(tmp_path, content, reason):
    (tmp_path / "a.png").write_bytes(content)

    with pytest.raises(UnreadableImageError, match=r"a\.png: not an image\.$"):
        read_header(str(tmp_path / "a.png"))


def test_a_bomb_is_not_decoded(tmp_path, monkeypatch):
    Image.new("1", (100, 100)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)

    with pytest.raises(UnreadableImageError, match="too many pixels to be decoded safely"):
        read_header(str(tmp_path / "a.png"))


def test_names_that_are_not_utf8_can_be_printed():
    name = b"caf\xe9 \xc3\xa9.png".decode("utf-8", "surrogateescape")

    assert printable(name) == "caf\\xe9 é.png"
    printable(name).encode("utf-8")
