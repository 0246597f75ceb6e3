"""Reversal trials of monkeys, from the published release."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import io

from metarl.analysis.data import check_columns
from metarl.analysis.matlab import UNREADABLE
from metarl.analysis.reversal.behaviour import SCHEMA
from metarl.core.checks import MetaRLError

PERCENTS = {"prob8020": 80, "prob7030": 70, "prob6040": 60}
"""Flag of the release -> the better option's probability of reward in percent."""
CODES = {"r": (0, 1), "c": (-1, 1), "hr_side": (-1, 1)}
"""Field of the release, one value a trial -> its codes.

r is the reward, c the choice and hr_side the better option.
"""
FIELDS = (*CODES, *PERCENTS, "block_addresses", "abs_superblock_idx", "animal_ids")
"""Fields of the release that are read."""
MAT_HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
"""First bytes of a version 5 file; they end with the mark of its byte order."""


def load_macaque_reversal(path: Path | str) -> pd.DataFrame:
    """Read the control monkeys of Costa et al. as a trial table.

    A superblock is one episode, numbered within its animal. The choice is of a picture,
    not of a side.

    Args:
        path: all_stats_costa.mat of GitHub DartmouthCCNL/trepka_etal_natcomm_2021.

    Returns:
        One row a trial, with animal (its name) and superblock (its number in the
        animal's session, from 1; the release has no number of the session, which is 0
        here) besides the columns of the reversal task.

    Source: Costa et al. 2016, Neuron 92:505; Trepka et al. 2021, Nat Commun.
    """
    file = Path(path)
    try:
        contents = io.loadmat(file)
        superblocks = [entry[0, 0] for entry in np.ravel(contents["all_stats"])]
        names = superblocks[0].dtype.names or ()
    except UNREADABLE:
        raise MetaRLError(
            f"{file.name} must be the reversal release of Trepka et al. 2021 "
            "(all_stats_costa.mat), with one entry a superblock in all_stats"
        ) from None
    check_columns(names, FIELDS, f"all_stats in {file.name}")
    animals = _animal_names(superblocks, contents, file.name)
    codes, labels = pd.factorize(np.array(animals))
    frames = [_superblock(entry, number) for number, entry in enumerate(superblocks)]
    lengths = [len(part) for part in frames]
    table = pd.concat(frames, ignore_index=True)
    episodes = pd.Series(codes).groupby(codes).cumcount()
    table.insert(0, "subject", np.repeat(codes, lengths))
    table.insert(1, "animal", np.repeat(labels[codes], lengths))
    table.insert(3, "episode", np.repeat(episodes.to_numpy(), lengths))
    SCHEMA.check(table)
    return table


def _superblock(entry: np.void, number: int) -> pd.DataFrame:
    """Trial table of one superblock, without the columns of its animal."""
    where = f"superblock {number}"
    values = {name: np.ravel(entry[name]).astype(np.int64) for name in CODES}
    if len({len(column) for column in values.values()}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in values.items())
        raise MetaRLError(f"{where} must have fields of one length, got {lengths}")
    for name, known in CODES.items():
        unknown = values[name][~np.isin(values[name], known)]
        if len(unknown):
            raise MetaRLError(
                f"{name} in {where} must be {known[0]} or {known[1]}, got {unknown[0]}"
            )
    choice, better = (values["c"] + 1) // 2, (values["hr_side"] + 1) // 2
    # The release holds small numbers in 8 bits, where a sum would wrap round.
    addresses = np.ravel(entry["block_addresses"]).astype(np.int64)
    return pd.DataFrame(
        {
            "session": 0,
            "trial": np.arange(len(choice)),
            "choice": choice,
            "reward": values["r"].astype(float),
            "valid": 1,
            "correct": (choice == better).astype(np.int64),
            "forced": 0,
            "better": better,
            "schedule": _percent(entry, where),
            "reversal_trial": addresses[1] - addresses[0],
            "superblock": int(np.ravel(entry["abs_superblock_idx"])[0]),
        }
    )


def _percent(entry: np.void, where: str) -> int:
    """The schedule, by the one flag that is set."""
    flags = [name for name in PERCENTS if np.all(np.ravel(entry[name]))]
    if len(flags) != 1:
        raise MetaRLError(
            f"{where} must have one of {', '.join(PERCENTS)} set, got "
            f"{', '.join(flags) or 'none'}"
        )
    return PERCENTS[flags[0]]


def _animal_names(
    superblocks: list[np.void], contents: dict[str, NDArray[np.generic]], file: str
) -> list[str]:
    """The animal of every superblock.

    MATLAB keeps a string apart, as an object: a superblock holds the object's number
    alone, and the object's value stands in the file's subsystem.
    """
    try:
        workspace = contents["__function_workspace__"].tobytes()
        cells = _subsystem(workspace)
        references = [entry["animal_ids"][0]["arr"] for entry in superblocks]
        return [_string(cells[int(np.ravel(ref)[4]) + 1]) for ref in references]
    except (*UNREADABLE, UnicodeDecodeError):
        raise MetaRLError(
            f"{file} must name the animal of each superblock in animal_ids, as "
            "released; download it again"
        ) from None


def _subsystem(workspace: bytes) -> NDArray[np.object_]:
    """The cells of the subsystem: two of administration, then one for each object."""
    size = int.from_bytes(workspace[12:16], "little")
    # Scipy reads a file that is open, but its stubs know paths alone.
    file = BytesIO(MAT_HEADER + workspace[8 : 16 + size])
    read = io.loadmat(file)["__function_workspace__"]  # type: ignore[arg-type]
    cells: NDArray[np.object_] = read["MCOS"][0, 0][0]["arr"]
    return np.ravel(cells)


def _string(cell: NDArray[np.uint64]) -> str:
    """A MATLAB string from its 8-byte words.

    They are: version, number of dimensions (2), the dimensions, length, UTF-16 text.
    """
    words = np.ravel(cell)
    return words[5:].tobytes().decode("utf-16-le")[: int(words[4])]
