"""Drawn pictures and a user's own: different objects, the same at every size."""

import hashlib
import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from metarl.envs.harlow import pictures
from metarl.envs.harlow.pictures import distinct, equalize, mean_colours, picture_bank

pytestmark = pytest.mark.oldest

HELD_OUT = 1_000
"""Number of the first picture that is held out."""
DIGEST = """
import hashlib, sys
from metarl.envs.harlow.pictures import picture_bank
assert "torch" not in sys.modules
print(hashlib.sha256(picture_bank(8).tobytes()).hexdigest())
"""


def fresh(**constants):
    """The module once more, without what it remembers, other constants in it."""
    spec = importlib.util.spec_from_file_location("fresh", pictures.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, value in constants.items():
        assert hasattr(module, name)
        setattr(module, name, value)
    return module


def distances(bank):
    """(N, N) root-mean-square differences of pictures, infinite to themselves."""
    flat = bank.reshape(len(bank), -1).astype(np.float64)
    squares = (flat**2).mean(1)
    product = flat @ flat.T / flat.shape[1]
    between = np.sqrt(np.maximum(squares[:, None] + squares - 2 * product, 0))
    np.fill_diagonal(between, np.inf)
    return between


@pytest.mark.parametrize("size", [8, 34])
def test_a_bank_has_two_thousand_read_only_pictures(size):
    bank = picture_bank(size)
    assert bank.shape == (2_000, size, size, 3)
    assert bank.dtype == np.uint8
    assert bank.min() < 10
    assert bank.max() > 245
    assert not bank.flags.writeable
    assert picture_bank(size) is bank


def test_another_process_draws_the_same_pictures_and_needs_no_torch():
    # The same on one machine; the last bit of a transform may differ on another.
    command = [sys.executable, "-c", DIGEST]
    completed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == hashlib.sha256(picture_bank(8)).hexdigest()


def test_all_pictures_differ_in_the_small_view():
    between = distances(picture_bank(8))
    assert pictures.LEAST_DIFFERENCE == 24
    assert between.min() >= 24
    assert between[:HELD_OUT, HELD_OUT:].min() >= 24


def test_pictures_too_close_to_earlier_ones_are_replaced():
    free, far = (
        distances(fresh(COUNT=40, LEAST_DIFFERENCE=closest).picture_bank(8))
        for closest in (0.0, 50.0)
    )
    assert len(free) == len(far) == 80
    assert free[:40, 40:].min() < 50
    assert far.min() >= 50


def test_the_halves_have_different_seeds():
    one, other, swapped = (
        fresh(COUNT=5, LEAST_DIFFERENCE=0.0, SEEDS=seeds).picture_bank(34)
        for seeds in ((1, 2), (1, 3), (2, 1))
    )
    np.testing.assert_array_equal(one[:5], other[:5])
    assert (one[5:] != other[5:]).any((1, 2, 3)).all()
    np.testing.assert_array_equal(one, np.roll(swapped, 5, axis=0))
    assert pictures.SEEDS == (1949, 2018)


def test_distinct_keeps_the_first_of_those_that_are_close():
    seen = np.full((1, 4), 100, np.float32)
    levels = [123, 124.5, 130, 149, 76, 75, 10]
    new = np.repeat(np.float32(levels)[:, None], 4, axis=1)
    # 123 is close to 100; 130 to 124.5; 149 to neither; 76 is 24 away, 75 close to it.
    assert distinct(new, seen).tolist() == [1, 3, 4, 6]
    assert distinct(new, seen[:0]).tolist() == [0, 3, 4, 6]


def test_a_small_picture_is_the_large_one_averaged_over_areas():
    large = picture_bank(34).astype(np.float64)
    halves = large.reshape(-1, 17, 2, 17, 2, 3).mean((2, 4))
    np.testing.assert_allclose(picture_bank(17), halves, atol=1.01)
    width = 34 / 8
    which = np.ceil((np.arange(34) + 0.5) / width) - 1
    weights = (which == np.arange(8)[:, None]).astype(np.float64)
    weights /= weights.sum(1, keepdims=True)
    rows = np.einsum("ij,njkc->nikc", weights, large[::20])
    areas = np.einsum("ij,nkjc->nkic", weights, rows)
    np.testing.assert_allclose(picture_bank(8)[::20], areas, atol=1.01)


def test_a_picture_larger_than_drawn_is_smooth():
    module = fresh(COUNT=20)
    drawn, large = module.picture_bank(34), module.picture_bank(68)
    assert large.shape == (40, 68, 68, 3)
    assert np.abs(large.reshape(-1, 34, 2, 34, 2, 3).mean((2, 4)) - drawn).mean() < 10
    assert (large[:, :, ::2] != large[:, :, 1::2]).mean() > 0.8


def test_mean_colours_are_red_green_and_blue_in_zero_to_one():
    bank = np.zeros((2, 2, 2, 3), np.uint8)
    bank[0, ..., 0] = 255
    bank[1, 0, 0] = 0, 51, 204
    means = mean_colours(bank)
    assert means.dtype == np.float32
    np.testing.assert_allclose(means, [[1, 0, 0], [0, 0.05, 0.2]], rtol=1e-6)


def test_mean_colours_vary_widely_and_alike_in_both_halves():
    means = mean_colours(picture_bank(34))
    for half in (means[:HELD_OUT], means[HELD_OUT:]):
        assert (half.std(0) > 0.15).all()
        assert (half.min(0) < 0.15).all()
        assert (half.max(0) > 0.85).all()
        assert np.abs(half.mean(0) - 0.5).max() < 0.03
    assert np.abs(np.corrcoef(means.T) - np.eye(3)).max() < 0.1


@pytest.mark.parametrize("size", [8, 34])
def test_equalized_pictures_have_the_same_mean_colour_and_keep_their_form(size):
    bank, equal = picture_bank(size), picture_bank(size, equalized=True)
    assert not equal.flags.writeable
    assert np.abs(equal.mean((1, 2)) - 128).max() < 0.5
    assert mean_colours(equal).std(0).max() < 0.002
    # Nothing is cut off: each is the picture itself, shrunk around its mean.
    form = bank - bank.mean((1, 2), keepdims=True)
    change = equal.astype(np.float64) - 128
    shrunk = (form * change).sum((1, 2, 3)) / (form**2).sum((1, 2, 3))
    assert np.abs(change - shrunk[:, None, None, None] * form).max() < 0.8
    assert 0.4 < shrunk.min() < 0.9


def test_equalize_scales_no_more_than_necessary():
    steep = np.array([[0, 0], [0, 240]])
    mild = np.array([[100, 110], [120, 130]])
    bank = np.stack([steep, mild])[..., None].repeat(3, -1).astype(np.uint8)
    equal = equalize(bank)[..., 1]
    # 240 is 180 above the mean, and may be 127 above: the others -60 * 127 / 180.
    assert equal[0].tolist() == [[86, 86], [86, 255]]
    assert equal[1].tolist() == [[113, 123], [133, 143]]
    assert (equalize(np.full((1, 3, 3, 3), 7, np.uint8)) == 128).all()


def test_a_picture_is_an_object_on_a_ground():
    bank = picture_bank(34).astype(np.float64)
    middle = bank[:, 14:20, 14:20].mean((1, 2))
    one, other = bank[:, :5, :5].mean((1, 2)), bank[:, -5:, -5:].mean((1, 2))
    assert np.abs(middle - one).mean() > 1.5 * np.abs(one - other).mean()


def test_textures_are_smooth_and_rough_at_once():
    top = picture_bank(34)[:, 0].astype(np.float64)
    near, away = (np.abs(top[:, k:] - top[:, :-k]).mean() for k in (1, 8))
    assert 0.5 * away < near < 0.85 * away


def colour(number):
    """A colour that no other of the first 250 numbers has."""
    return number, 255 - number, (7 * number) % 256


def save(folder, name, number, size=(12, 12)):
    """A picture of one colour."""
    Image.new("RGB", size, colour(number)).save(folder / name)


def numbers(bank):
    """Which pictures of one colour these are."""
    which = bank[:, 0, 0, 0].tolist()
    assert (bank == np.array([colour(n) for n in which])[:, None, None]).all()
    return which


def test_a_folder_is_shuffled_the_same_way_at_every_size(tmp_path):
    for number in range(20):
        save(tmp_path, f"{number:02}.png", 12 * number)
    small, large = (picture_bank(s, folder=str(tmp_path)) for s in (4, 30))
    assert small.shape == (20, 4, 4, 3)
    assert small.dtype == np.uint8
    assert numbers(small) == numbers(large)
    assert sorted(numbers(small)) == [12 * n for n in range(20)]
    # Had the order of the names counted, the first half would be the first ten.
    assert 2 <= sum(number < 120 for number in numbers(small)[:10]) <= 8


def test_a_folders_order_is_that_of_its_names(tmp_path):
    for place in range(6):
        for folder, number in (("up", place), ("down", 5 - place)):
            (tmp_path / folder).mkdir(exist_ok=True)
            save(tmp_path / folder, f"{place}.png", number)
    banks = (picture_bank(4, folder=str(tmp_path / name)) for name in ("up", "down"))
    up, down = map(numbers, banks)
    assert up == [5 - number for number in down]


def test_every_kind_of_picture_is_read_and_other_files_are_not(tmp_path):
    suffixes = ["png", "BMP", "gif", "tif", "tiff", "jpg", "JPEG", "webp", "bmp"]
    for number, suffix in enumerate(suffixes):
        save(tmp_path, f"{number}.{suffix}", 20 * number)
    Image.new("L", (8, 8), 60).save(tmp_path / "grey.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    bank = picture_bank(4, folder=str(tmp_path))
    colours = np.array([*(colour(20 * n) for n in range(9)), (60, 60, 60)])
    away = np.abs(bank[:, 0, 0].astype(int) - colours[:, None]).max(-1)
    assert (np.sort(away, axis=1)[:, 0] < 8).all()
    assert len(bank) == 10


def test_a_folder_keeps_the_first_of_equal_pictures_and_an_even_number(tmp_path):
    for place, number in enumerate([5, 1, 5, 2, 1, 3, 4]):
        save(tmp_path, f"{place}.png", number, size=(8 + place, 8 + place))
    # Different: 5, 1, 2, 3, 4 in this order; the last is left out.
    assert sorted(numbers(picture_bank(8, folder=str(tmp_path)))) == [1, 2, 3, 5]


@pytest.mark.parametrize(
    ("colours", "used", "without"),
    [
        (range(13), 12, "the last by name, as the held-out half must be as large"),
        ([0, 1, 2, 3, 1], 4, "1 equal to an earlier one"),
        (
            [5, 1, 5, 2, 1, 3, 4],
            4,
            "2 equal to an earlier one and the last by name, as the held-out half must "
            "be as large",
        ),
        (range(14), 14, ""),
    ],
)
def test_pictures_that_are_left_out_get_one_note(
    colours, used, without, tmp_path, caplog
):
    for place, number in enumerate(colours):
        save(tmp_path, f"{place:02d}.png", number, size=(8, 8))
    for equalized in (True, False):
        bank = picture_bank(8, folder=str(tmp_path), equalized=equalized)
        assert len(bank) == used
    note = (
        f"{str(tmp_path)!r} has {len(colours)} pictures; {used} are used, without "
        f"{without}"
    )
    assert caplog.messages == ([note] if without else [])


def test_a_process_that_shares_the_work_gives_no_note(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(pictures, "parent_process", lambda: "the first process")
    for number in range(5):
        save(tmp_path, f"{number}.png", number, size=(8, 8))
    assert len(picture_bank(8, folder=str(tmp_path))) == 4
    assert not caplog.messages


@pytest.mark.parametrize("wide", [True, False])
def test_the_middle_of_a_picture_is_shown(tmp_path, wide):
    for number in range(4):
        pixels = np.zeros((6, 15, 3), np.uint8)
        pixels[:, 4:10] = 200 + number
        pixels[0, 4:10] = 90
        upright = pixels if wide else pixels.swapaxes(0, 1)
        Image.fromarray(upright).save(tmp_path / f"{number}.png")
    bank = picture_bank(3, folder=str(tmp_path))
    first, rest = (bank[:, 0], bank[:, 1:]) if wide else (bank[:, :, 0], bank[:, :, 1:])
    assert (rest >= 200).all()
    assert ((first > 140) & (first < 150)).all()


def test_a_users_pictures_can_be_equalized_and_enlarged(tmp_path):
    for number in range(4):
        generator = np.random.default_rng(number)
        pixels = generator.integers(0, 60, (5, 5, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    bank = picture_bank(20, folder=str(tmp_path), equalized=True)
    assert np.abs(bank.mean((1, 2)) - 128).max() < 0.5
    plain = picture_bank(20, folder=str(tmp_path))
    assert np.abs(plain.mean((1, 2)) - 128).max() > 50
    assert (plain[:, :, 1:] != plain[:, :, :-1]).any(-1).mean() > 0.9


@pytest.mark.parametrize("count", [0, 3])
def test_too_few_pictures_are_refused(tmp_path, count):
    for number in range(count):
        save(tmp_path, f"{number}.png", number)
        save(tmp_path, f"{number} again.png", number)
    words = rf"pictures must .* at least 4 different .*\.png, .* got {count} in .*; add"
    with pytest.raises(ValueError, match=words):
        picture_bank(8, folder=str(tmp_path))


def test_a_missing_folder_is_refused(tmp_path):
    save(tmp_path, "file.png", 1)
    for name in ("nowhere", "file.png"):
        words = f"pictures must be a folder of picture files, got .*{name}'; leave it"
        with pytest.raises(ValueError, match=words):
            picture_bank(8, folder=str(tmp_path / name))


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path):
    for number in range(4):
        save(tmp_path, f"{number}.png", number)
    whole = (tmp_path / "0.png").read_bytes()
    for content in (b"no picture", b"", whole[:50]):
        (tmp_path / "broken.png").write_bytes(content)
        words = r"pictures must be readable, got .*broken\.png' \(.+\); remove it from"
        with pytest.raises(ValueError, match=words):
            picture_bank(8, folder=str(tmp_path))


def test_a_picture_too_large_to_open_is_refused_by_name(tmp_path, monkeypatch):
    for number in range(4):
        save(tmp_path, f"{number}.png", number)
    save(tmp_path, "vast.png", 4, size=(40, 40))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 40 // 2 - 1)
    with pytest.raises(ValueError, match=r"readable, got .*vast\.png' \(.*exceeds"):
        picture_bank(8, folder=str(tmp_path))


# A user's own pictures of every kind


LEVELS = np.linspace(0, 255, 16).round().astype(np.uint8)
"""16 grey levels, dark on the left."""
GREY = np.tile(LEVELS, (16, 1))


def shown(folder, name, picture, size=16, **how):
    """(size, size, 3) a picture as the task shows it, saved under the first name."""
    folder.mkdir(exist_ok=True)
    picture.save(folder / name, **how)
    for number in range(3):
        save(folder, f"z{number}.png", 250 - number, size=(16, 16))
    others = np.array([colour(250 - n) for n in range(3)])[:, None, None]
    bank = picture_bank(size, folder=str(folder)).astype(int)
    (own,) = (each for each in bank if (each != others).any((1, 2, 3)).all())
    return own


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_of_grey_are_scaled_to_eight(suffix, tmp_path):
    levels = GREY.astype(np.uint16) * 257
    pixels = shown(tmp_path / "a", f"a.{suffix}", Image.fromarray(levels))
    assert (pixels == GREY[..., None]).all()


def test_the_white_of_a_grey_picture_is_that_of_its_bits():
    opened = Image.new("I;16", (1, 1))
    assert pictures._white(opened) == 65535
    opened.tag_v2 = {pictures.BITS_PER_SAMPLE: (12,)}
    assert pictures._white(opened) == 4095
    opened.tag_v2 = {pictures.PHOTOMETRIC: 0}
    with pytest.raises(ValueError, match="its level 0 is white; save it with 0 as"):
        pictures._white(opened)
    assert pictures._white(Image.new("L", (1, 1))) == 0


def test_a_level_of_sixteen_bits_can_be_transparent(tmp_path):
    levels = Image.fromarray(GREY.astype(np.uint16) * 257)
    pixels = shown(tmp_path / "a", "a.png", levels, transparency=257 * 17)
    assert (pixels[:, 1] == 128).all()
    assert (pixels[:, 2:] == GREY[:, 2:, None]).all()


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA"])
def test_a_transparent_part_shows_the_empty_screen(mode, tmp_path):
    picture = Image.new("RGBA", (16, 16), (200, 200, 200))
    opacity = np.repeat(np.array([0, 255, 51, 255], np.uint8), 4)
    picture = picture if mode == "RGBA" else picture.convert("LA").convert(mode)
    picture.putalpha(Image.fromarray(np.tile(opacity, (16, 1))))
    pixels = shown(tmp_path / "a", "a.tif" if mode == "PA" else "a.png", picture)
    # 51 of 255 is a fifth: 128 + 72 / 5 = 142.4.
    expected = np.repeat([128, 200, 142, 200], 4)
    assert np.abs(pixels - expected[:, None]).max() <= 1


@pytest.mark.parametrize(("mode", "key"), [("P", 3), ("L", 51), ("RGB", (51, 51, 51))])
def test_a_transparent_colour_shows_the_empty_screen(mode, key, tmp_path):
    picture = Image.fromarray(GREY).convert("L" if mode == "P" else mode)
    if mode == "P":
        picture = Image.fromarray(np.tile(np.arange(16, dtype=np.uint8), (16, 1)))
        picture.putpalette([level for level in LEVELS.tolist() for _ in range(3)])
    pixels = shown(tmp_path / "a", "a.png", picture, transparency=key)
    expected = LEVELS.astype(int)
    expected[3] = 128
    assert (pixels == expected[:, None]).all()


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_a_photograph_is_shown_upright(suffix, tmp_path):
    upright = Image.fromarray(GREY).convert("RGB")
    exact = {"lossless": True} if suffix == "webp" else {}
    for orientation, turn in ((3, 180), (6, 90), (8, 270)):
        notes = Image.Exif()
        notes[0x0112] = orientation
        folder, stored = tmp_path / str(orientation), upright.rotate(turn)
        pixels = shown(folder, f"a.{suffix}", stored, exif=notes, **exact)
        assert np.abs(pixels - GREY[..., None]).max() < 12


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("1", "png"),
        ("L", "png"),
        ("LA", "png"),
        ("P", "gif"),
        ("RGB", "png"),
        ("RGBA", "png"),
        ("CMYK", "tif"),
        ("YCbCr", "jpg"),
    ],
)
def test_a_picture_of_every_mode_shows_its_levels(mode, suffix, tmp_path):
    expected = np.repeat(np.array([0, 255], np.uint8), 8)
    picture = Image.fromarray(np.tile(expected, (16, 1))).convert("RGB").convert(mode)
    pixels = shown(tmp_path / "a", f"a.{suffix}", picture)
    assert np.abs(pixels - expected.astype(int)[:, None]).max() <= 2


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_an_animation_shows_its_first_frame(suffix, tmp_path):
    first, *later = (Image.new("RGB", (16, 16), (n, n, n)) for n in (90, 10, 200))
    exact = {"lossless": True} if suffix == "webp" else {}
    how = {"save_all": True, "append_images": later, **exact}
    pixels = shown(tmp_path / "a", f"a.{suffix}", first, **how)
    assert np.abs(pixels - 90).max() <= 1


@pytest.mark.parametrize("mode", ["I", "F", "LAB"])
def test_levels_without_a_known_white_are_refused(mode, tmp_path):
    Image.new(mode, (8, 8)).save(tmp_path / "a.tif")
    words = rf"got .*a\.tif' \(its levels, of the kind {mode}, .*save it with 8 or 16"
    with pytest.raises(ValueError, match=words):
        picture_bank(8, folder=str(tmp_path))


@pytest.mark.parametrize("kind", ["pipe", "folder", "broken link", "device"])
def test_what_is_not_a_regular_file_is_refused_and_not_waited_for(kind, tmp_path):
    path = tmp_path / "x.png"
    make = {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "broken link": lambda: path.symlink_to(tmp_path / "nothing"),
        "device": lambda: path.symlink_to("/dev/zero"),
    }
    make[kind]()
    words = r"got .*x\.png' \(it is not a regular file\); remove it from the folder"
    with pytest.raises(ValueError, match=words):
        picture_bank(8, folder=str(tmp_path))


def test_a_link_to_a_picture_is_read(tmp_path):
    (tmp_path / "all").mkdir()
    for number in range(4):
        save(tmp_path, f"{number}.png", number)
        (tmp_path / "all" / f"{number}.png").symlink_to(tmp_path / f"{number}.png")
    bank = picture_bank(4, folder=str(tmp_path / "all"))
    assert sorted(numbers(bank)) == [0, 1, 2, 3]


def test_a_picture_without_pixels_is_refused(tmp_path, monkeypatch):
    save(tmp_path, "a.png", 1)
    monkeypatch.setattr(pictures, "_as_rgb", lambda file: Image.new("RGB", (0, 5)))
    with pytest.raises(ValueError, match=r"a\.png' \(it has no pixels\)"):
        picture_bank(8, folder=str(tmp_path))


def test_a_picture_that_is_only_warned_of_as_too_large_is_refused(
    tmp_path, monkeypatch
):
    save(tmp_path, "vast.png", 4, size=(40, 40))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 40 - 1)
    with pytest.raises(ValueError, match=r"readable, got .*vast\.png' \(.*exceeds"):
        picture_bank(8, folder=str(tmp_path))


def refusal(path):
    """The sentence with which a picture is refused; empty if it is read."""
    try:
        pictures._square(path, 8)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp"])
def test_damaged_pictures_are_read_or_refused(suffix, tmp_path):
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).save(path)
    whole, refused = path.read_bytes(), []
    for _ in range(100):
        damaged = bytearray(whole[: generator.integers(1, len(whole) + 1)])
        for _ in range(4):
            place = generator.integers(min(len(damaged), 200))
            damaged[place] = generator.integers(256)
        path.write_bytes(damaged)
        refused.append(refusal(path))
    words = "pictures must be readable, got "
    assert all(text.startswith(words) for text in filter(None, refused))
    assert sum(map(bool, refused)) > 20
