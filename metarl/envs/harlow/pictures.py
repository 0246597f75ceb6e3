"""Pictures of things that nobody has seen: drawn from fixed seeds, or a user's own.

A drawn picture is an object, of a smooth outline and a texture of its own, on a
textured ground. Textures are pink noise in each colour. The seeds were fixed before any
network was trained.
"""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pictures = NDArray[np.uint8]
"""(N, size, size, 3) red, green, blue, row by row."""

COUNT = 1_000
"""Pictures of either half: those for training, then those held out."""
SEEDS = (1949, 2018)
"""Of the two halves."""
DRAWN = 34
"""Width and height in which pictures are drawn, in pixels."""
THUMBNAIL = 8
"""Width and height at which pictures are compared, in pixels."""
CLOSEST = 24.0
"""Least root-mean-square difference of two thumbnails, in grey levels of 255."""
HARMONICS = 4
"""Waves that make an outline."""
LEAST = 4
"""Fewest pictures that a folder must have: two to learn from, two held out."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
"""Files of a folder that are taken for pictures."""


@cache
def picture_bank(size: int, *, folder: str = "", equalized: bool = False) -> Pictures:
    """Training pictures, then as many that are held out; not to be written to.

    Args:
        size: width and height in pixels.
        folder: pictures of a user's own instead, cut to a square; of those that look
            the same the first by name is kept, and of an odd number the last is left
            out; then they are shuffled, the same way each time.
        equalized: give all pictures the same mean colour, mid grey.

    Raises:
        ValueError: the folder has too few pictures, or one that cannot be read.
    """
    if equalized:
        bank = equalize(picture_bank(size, folder=folder))
    else:
        bank = _read(folder, size) if folder else _drawn_at(size)
    bank.setflags(write=False)
    return bank


def mean_colours(bank: Pictures) -> NDArray[np.float32]:
    """(N, 3) mean red, green and blue of each picture, in [0, 1]."""
    means: NDArray[np.float32] = (bank.mean((1, 2)) / 255).astype(np.float32)
    return means


def _drawn_at(size: int) -> Pictures:
    """Both halves at another size than that in which they are drawn."""
    drawn, thumbnails = _drawn()
    return thumbnails.copy() if size == THUMBNAIL else resized(drawn, size)


@cache
def _drawn() -> tuple[Pictures, Pictures]:
    """Both halves at the size in which they are drawn, and as thumbnails."""
    kept = np.empty((0, DRAWN, DRAWN, 3), np.uint8)
    seen = np.empty((0, THUMBNAIL, THUMBNAIL, 3), np.uint8)
    for half, seed in enumerate(SEEDS):
        generator = np.random.default_rng(seed)
        while (missing := COUNT * (half + 1) - len(kept)) > 0:
            new = draw(missing, generator)
            small = resized(new, THUMBNAIL)
            chosen = distinct(_flat(small), _flat(seen))
            kept = np.concatenate([kept, new[chosen]])
            seen = np.concatenate([seen, small[chosen]])
    return kept, seen


def _flat(pictures: Pictures) -> NDArray[np.float32]:
    """(N, P) all levels of each picture."""
    return pictures.reshape(len(pictures), 3 * THUMBNAIL**2).astype(np.float32)


def distinct(new: NDArray[np.float32], seen: NDArray[np.float32]) -> NDArray[np.intp]:
    """Which of the new thumbnails are close to none seen and to none before them.

    Args:
        new: (N, P) thumbnails.
        seen: (M, P) those that are there already.
    """
    every = np.concatenate([seen, new])
    squares = (every**2).sum(1)
    distance = squares[:, None] + squares - 2 * every @ every.T
    close = distance < CLOSEST**2 * every.shape[1]
    kept = list(range(len(seen)))
    for number in range(len(seen), len(every)):
        if not close[number, kept].any():
            kept.append(number)
    return np.array(kept[len(seen) :], np.intp) - len(seen)


def draw(count: int, generator: np.random.Generator) -> Pictures:
    """So many pictures, all different."""
    ground = _texture(count, generator, spread=0.7)
    thing = _texture(count, generator, spread=1.0)
    inside = _outlines(count, generator)[..., None]
    pixels = 255 * (inside * thing + (1 - inside) * ground)
    return pixels.round().astype(np.uint8)


def _texture(
    count: int, generator: np.random.Generator, *, spread: float
) -> NDArray[np.float64]:
    """(N, DRAWN, DRAWN, 3) in (0, 1): pink noise around a colour of its own."""
    down, across = np.fft.fftfreq(DRAWN), np.fft.rfftfreq(DRAWN)
    radius = np.hypot(down[:, None], across)
    amplitude = 1 / np.maximum(radius, 1 / DRAWN)
    white = generator.standard_normal((count, 3, DRAWN, DRAWN))
    pink = np.fft.irfft2(np.fft.rfft2(white) * amplitude, (DRAWN, DRAWN))
    pink -= pink.mean((2, 3), keepdims=True)
    pink /= pink.std((2, 3), keepdims=True)
    colour = generator.standard_normal((count, 3, 1, 1))
    values = 1 / (1 + np.exp(-(spread * pink + 1.3 * colour)))
    return values.transpose(0, 2, 3, 1)


def _outlines(count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(N, DRAWN, DRAWN) 1 inside a smooth outline, 0 outside, soft at the edge."""
    at = (np.arange(DRAWN) + 0.5) / DRAWN - 0.5
    middle = generator.uniform(-0.06, 0.06, (2, count, 1, 1))
    down, across = at[:, None] - middle[0], at - middle[1]
    angle, radius = np.arctan2(down, across), np.hypot(down, across)
    edge = generator.uniform(0.26, 0.36, (count, 1, 1))
    for wave in range(1, HARMONICS + 1):
        size = generator.normal(0, 0.05 / np.sqrt(wave), (2, count, 1, 1))
        edge = edge + size[0] * np.cos(wave * angle) + size[1] * np.sin(wave * angle)
    inside: NDArray[np.float64] = np.clip((edge - radius) * DRAWN / 2 + 0.5, 0, 1)
    return inside


def resized(pictures: Pictures, size: int) -> Pictures:
    """The same pictures at another size.

    A pixel of a smaller picture is the mean of the pixels whose middles lie in it.
    """
    if pictures.shape[1] == size:
        return pictures.copy()
    return np.stack([_scaled(Image.fromarray(picture), size) for picture in pictures])


def _scaled(square: Image.Image, size: int) -> Pictures:
    smaller = size < square.width
    how = Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC
    return np.asarray(square.resize((size, size), how))


def equalize(bank: Pictures, level: float = 128.0) -> Pictures:
    """The same pictures, each colour shrunk and shifted to the same mean level."""
    values = bank.astype(np.float64)
    values -= values.mean((1, 2), keepdims=True)
    # Whatever reaches furthest from the mean must stay within the levels there are.
    reach = np.abs(values).max((1, 2, 3), keepdims=True)
    values *= np.minimum(1, (255 - level) / np.maximum(reach, 1e-9))
    return (values + level).round().clip(0, 255).astype(np.uint8)


def _read(folder: str, size: int) -> Pictures:
    """The pictures of a folder, shuffled, two halves of equal length."""
    path = Path(folder)
    if not path.is_dir():
        raise ValueError(
            f"pictures must be a folder of picture files, got {folder!r}; "
            "leave it out for the drawn ones"
        )
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
    # Of equal pictures a dictionary keeps the first, in the order of their names.
    read = (_square(file, size) for file in files)
    different = list({picture.tobytes(): picture for picture in read}.values())
    if len(different) < LEAST:
        raise ValueError(
            f"pictures must be a folder with at least {LEAST} different pictures "
            f"({', '.join(SUFFIXES)}), got {len(different)} in {folder!r}; add some"
        )
    even = len(different) // 2 * 2
    order = np.random.default_rng(SEEDS[0]).permutation(even)
    return np.stack([different[number] for number in order])


def _square(file: Path, size: int) -> Pictures:
    """The middle of one picture, (size, size, 3)."""
    try:
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"pictures must be readable, got {str(file)!r} ({error}); take it out of "
            "the folder"
        ) from None
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    square = picture.crop((left, top, left + side, top + side))
    return _scaled(square, size)
