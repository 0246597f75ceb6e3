"""Pictures of unfamiliar objects: drawn from fixed seeds, or a user's own.

A drawn picture is an object with a smooth outline and its own texture, on a textured
ground. Textures are pink noise in each colour. The seeds were fixed before any network
was trained.
"""

import logging
import struct
import warnings
import zlib
from collections.abc import Mapping
from functools import cache
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

log = logging.getLogger(__name__)

Pictures = NDArray[np.uint8]
"""(N, size, size, 3) red, green, blue, row by row."""

COUNT = 1_000
"""Pictures in each half: those for training, then those held out."""
SEEDS = (1949, 2018)
"""Seeds of the two halves."""
DRAWN_SIZE = 34
"""Width and height of the drawn pictures, in pixels."""
THUMBNAIL_SIZE = 8
"""Width and height for the comparison of pictures, in pixels."""
LEAST_DIFFERENCE = 24.0
"""Smallest root-mean-square difference of two thumbnails, in grey levels of 255."""
HARMONICS = 4
"""Waves in an outline."""
LEAST_PICTURES = 4
"""Smallest number of pictures in a folder: two for training, two held out."""
BACKGROUND = 128
"""Grey level of the empty screen, which shows where a picture is transparent."""
PHOTOMETRIC, BITS_PER_SAMPLE = 262, 258
"""Tags of a TIFF file."""
DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""Errors of reading a damaged picture; each format has its own."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
"""Suffixes of picture files."""


@cache
def picture_bank(size: int, *, folder: str = "", equalized: bool = False) -> Pictures:
    """Return the training pictures, then as many held-out ones; read-only.

    Args:
        size: width and height in pixels.
        folder: a folder of a user's own pictures instead, cropped to squares; of equal
            pictures only the first by name is used, and of an odd number the last is
            left out; then they are shuffled, always in the same order. Transparent
            parts show the grey of an empty screen; of an animation, the first frame is
            taken.
        equalized: give all pictures the same mean colour, mid grey.

    Returns:
        (N, size, size, 3) uint8.

    Raises:
        ValueError: the folder has too few pictures, or one that cannot be read.
    """
    if equalized:
        bank = equalize(picture_bank(size, folder=folder))
    else:
        bank = _read_folder(folder, size) if folder else _drawn_at(size)
    bank.setflags(write=False)
    return bank


def mean_colours(bank: Pictures) -> NDArray[np.float32]:
    """(N, 3) mean red, green and blue of each picture, in [0, 1]."""
    means: NDArray[np.float32] = (bank.mean((1, 2)) / 255).astype(np.float32)
    return means


def _drawn_at(size: int) -> Pictures:
    """Both halves of the drawn pictures, at a given size."""
    pictures, thumbnails = _drawn()
    return thumbnails.copy() if size == THUMBNAIL_SIZE else resized(pictures, size)


@cache
def _drawn() -> tuple[Pictures, Pictures]:
    """Both halves at their original size, and as thumbnails."""
    pictures = np.empty((0, DRAWN_SIZE, DRAWN_SIZE, 3), np.uint8)
    thumbnails = np.empty((0, THUMBNAIL_SIZE, THUMBNAIL_SIZE, 3), np.uint8)
    for half, seed in enumerate(SEEDS):
        generator = np.random.default_rng(seed)
        while (missing := COUNT * (half + 1) - len(pictures)) > 0:
            new = draw(missing, generator)
            small = resized(new, THUMBNAIL_SIZE)
            selected = distinct(_flat(small), _flat(thumbnails))
            pictures = np.concatenate([pictures, new[selected]])
            thumbnails = np.concatenate([thumbnails, small[selected]])
    return pictures, thumbnails


def _flat(pictures: Pictures) -> NDArray[np.float32]:
    """(N, P) all grey levels of each thumbnail."""
    return pictures.reshape(len(pictures), 3 * THUMBNAIL_SIZE**2).astype(np.float32)


def distinct(new: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.intp]:
    """Select the new thumbnails that are close neither to known nor to earlier ones.

    Args:
        new: (N, P) thumbnails.
        known: (M, P) thumbnails selected before.

    Returns:
        Indices into `new`, in ascending order.
    """
    every = np.concatenate([known, new])
    # |a - b|^2 = a.a + b.b - 2 a.b: one matrix product for all pairs.
    squares = (every**2).sum(1)
    distance = squares[:, None] + squares - 2 * every @ every.T
    close = distance < LEAST_DIFFERENCE**2 * every.shape[1]
    selected = list(range(len(known)))
    for number in range(len(known), len(every)):
        if not close[number, selected].any():
            selected.append(number)
    return np.array(selected[len(known) :], np.intp) - len(known)


def draw(count: int, generator: np.random.Generator) -> Pictures:
    """Draw `count` pictures at their original size."""
    ground = _texture(count, generator, spread=0.7)
    surface = _texture(count, generator, spread=1.0)
    inside = _outlines(count, generator)[..., None]
    pixels = 255 * (inside * surface + (1 - inside) * ground)
    return pixels.round().astype(np.uint8)


def _texture(
    count: int, generator: np.random.Generator, *, spread: float
) -> NDArray[np.float64]:
    """(N, DRAWN_SIZE, DRAWN_SIZE, 3) in (0, 1): pink noise around a random colour."""
    down, across = np.fft.fftfreq(DRAWN_SIZE), np.fft.rfftfreq(DRAWN_SIZE)
    radius = np.hypot(down[:, None], across)
    amplitude = 1 / np.maximum(radius, 1 / DRAWN_SIZE)
    white = generator.standard_normal((count, 3, DRAWN_SIZE, DRAWN_SIZE))
    pink = np.fft.irfft2(np.fft.rfft2(white) * amplitude, (DRAWN_SIZE, DRAWN_SIZE))
    pink -= pink.mean((2, 3), keepdims=True)
    pink /= pink.std((2, 3), keepdims=True)
    colour = generator.standard_normal((count, 3, 1, 1))
    values = 1 / (1 + np.exp(-(spread * pink + 1.3 * colour)))
    return values.transpose(0, 2, 3, 1)


def _outlines(count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(N, H, W) 1 inside a smooth outline, 0 outside, gradual at the edge."""
    at = (np.arange(DRAWN_SIZE) + 0.5) / DRAWN_SIZE - 0.5
    middle = generator.uniform(-0.06, 0.06, (2, count, 1, 1))
    down, across = at[:, None] - middle[0], at - middle[1]
    angle, radius = np.arctan2(down, across), np.hypot(down, across)
    edge = generator.uniform(0.26, 0.36, (count, 1, 1))
    for wave in range(1, HARMONICS + 1):
        size = generator.normal(0, 0.05 / np.sqrt(wave), (2, count, 1, 1))
        edge = edge + size[0] * np.cos(wave * angle) + size[1] * np.sin(wave * angle)
    inside: NDArray[np.float64] = np.clip((edge - radius) * DRAWN_SIZE / 2 + 0.5, 0, 1)
    return inside


def resized(pictures: Pictures, size: int) -> Pictures:
    """Return the pictures at another size.

    A pixel of a smaller picture is the mean of the pixels with their middles in it.
    """
    if pictures.shape[1] == size:
        return pictures.copy()
    return np.stack([_scaled(Image.fromarray(picture), size) for picture in pictures])


def _scaled(square: Image.Image, size: int) -> Pictures:
    smaller = size < square.width
    method = Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC
    return np.asarray(square.resize((size, size), method))


def equalize(bank: Pictures, level: float = 128.0) -> Pictures:
    """Return the pictures with each colour scaled and shifted to the same mean."""
    values = bank.astype(np.float64)
    values -= values.mean((1, 2), keepdims=True)
    # The value furthest from the mean must stay within the levels from 0 to 255.
    reach = np.abs(values).max((1, 2, 3), keepdims=True)
    values *= np.minimum(1, (255 - level) / np.maximum(reach, 1e-9))
    return (values + level).round().clip(0, 255).astype(np.uint8)


@cache
def _read_folder(folder: str, size: int) -> Pictures:
    """Read the pictures of a folder, shuffled, in two halves of equal length."""
    path = Path(folder)
    if not path.is_dir():
        raise ValueError(
            f"pictures must be a folder of picture files, got {folder!r}; "
            "leave it empty for the drawn ones"
        )
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
    # Of equal pictures a dictionary holds the first, in the order of their names.
    pictures = (_square(file, size) for file in files)
    different = list({picture.tobytes(): picture for picture in pictures}.values())
    if len(different) < LEAST_PICTURES:
        raise ValueError(
            f"pictures must be a folder with at least {LEAST_PICTURES} different "
            f"pictures ({', '.join(SUFFIXES)}), got {len(different)} in {folder!r}; "
            "add some"
        )
    even = len(different) // 2 * 2
    left_out = _left_out(len(files) - len(different), len(different) - even)
    # Processes that share the work read the folder too; only the first says it.
    if left_out and parent_process() is None:
        log.warning(
            "%r has %d pictures; %d are used, without %s",
            *(folder, len(files), even, left_out),
        )
    order = np.random.default_rng(SEEDS[0]).permutation(even)
    return np.stack([different[number] for number in order])


def _left_out(equal: int, odd: int) -> str:
    """Words on the pictures of a folder that are not used; "" if all are."""
    parts = [f"{equal} equal to an earlier one"] * (equal > 0)
    parts += ["the last by name, as the held-out half must be as large"] * odd
    return " and ".join(parts)


def _square(file: Path, size: int) -> Pictures:
    """(size, size, 3) the central square of a picture file."""
    # Reading from a pipe or a device might never end.
    if not file.is_file():
        raise _unreadable(file, "it is not a regular file")
    try:
        picture = _as_rgb(file)
    except DAMAGED as error:
        raise _unreadable(file, str(error) or type(error).__name__) from None
    side = min(picture.size)
    if side < 1:
        raise _unreadable(file, "it has no pixels")
    left, top = ((length - side) // 2 for length in picture.size)
    square = picture.crop((left, top, left + side, top + side))
    return _scaled(square, size)


def _unreadable(file: Path, why: str) -> ValueError:
    return ValueError(
        f"pictures must be readable, got {str(file)!r} ({why}); remove it from "
        "the folder"
    )


def _as_rgb(file: Path) -> Image.Image:
    """Read a picture upright, in 8 bits a colour, on the grey of an empty screen.

    Of an animation, or of several pages, it is the first picture.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        # Warnings about a picture's metadata do not matter here.
        warnings.simplefilter("ignore", UserWarning)
        with Image.open(file) as opened:
            white = _white(opened)
            opened.load()
            upright = ImageOps.exif_transpose(opened)
    rgba = _grey(upright, white) if white else upright.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, (BACKGROUND,) * 3)
    return Image.alpha_composite(ground, rgba).convert("RGB")


def _white(opened: Image.Image) -> int:
    """Level of white of a picture with more than 8 bits of grey; 0 for any other.

    Raises:
        ValueError: the level is not known from the file.
    """
    unknown = opened.mode == "I" and opened.format != "PNG"
    if unknown or opened.mode in ("F", "LAB"):
        raise ValueError(
            f"its levels, of the kind {opened.mode}, have no known white; save it with "
            "8 or 16 bits as grey or red, green, blue"
        )
    if not opened.mode.startswith("I"):
        return 0
    tags: Mapping[int, Any] = getattr(opened, "tag_v2", {})
    if tags.get(PHOTOMETRIC, 1) != 1:
        raise ValueError("its level 0 is white; save it with 0 as black")
    bits: int = tags.get(BITS_PER_SAMPLE, (16,))[0]
    return int(2**bits - 1)


def _grey(picture: Image.Image, white: int) -> Image.Image:
    """Picture of more than 8 bits of grey as 8 bits of red, green, blue and opacity."""
    levels = np.asarray(picture, dtype=np.float64)
    opaque = levels != picture.info.get("transparency", -1)
    grey = Image.fromarray((255 * levels / white).round().astype(np.uint8))
    opacity = Image.fromarray((255 * opaque).astype(np.uint8))
    return Image.merge("RGBA", (grey, grey, grey, opacity))
