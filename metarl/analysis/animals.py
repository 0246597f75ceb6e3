"""Trial tables of animals and people: a published release, or your own file.

A two-step trial table needs the columns subject, trial, choice, reward and transition;
session and episode (0 if not given), valid (1) and forced (0) are optional, and further
columns are kept. Coding: subject, session, episode and trial are whole numbers, trial
counting up by 1 where one trial followed the other; choice is 0 for the option that
commonly leads to the first second-stage state (left) and 1 for the other (right);
reward is 1, 0, or 0.5 for a medium one; transition is common or rare; valid and forced
are 0 or 1. A trial without a choice has choice and transition blank.
"""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import io

from metarl.analysis.data import check_columns
from metarl.analysis.two_step.trials import check_two_step
from metarl.core.checks import MetaRLError

OPTIONAL_COLUMNS = {"session": 0, "episode": 0, "valid": 1, "forced": 0}
"""Columns that a user's table may leave out, and what they then hold."""
NEEDED_COLUMNS = ("subject", "trial", "choice", "reward", "transition")
"""Columns that a user's table must have."""

MACAQUES = ("C", "J")
"""Animals of the macaque release, in its order."""
MACAQUE_CODES = {
    "TrialType": (1, 2, 3),
    "PicChosen1": (1, 2),
    "Transition": (1, 2),
    "PicChosen2": (3, 4, 5, 6),
    "LevelRew2": (1, 2, 3),
}
"""Field of the macaque release -> its codes.

TrialType 1 free, 2 first stage forced, 3 second stage forced; Transition 1 common, 2
rare; second-stage pictures 3 and 4 belong to one state, 5 and 6 to the other; reward
level 1 high, 2 medium, 3 low.
"""

UNREADABLE = (
    *(IndexError, KeyError, NotImplementedError, OSError, TypeError, ValueError),
    *(io.matlab.MatReadError, zlib.error),
)
"""What scipy raises on another's, an older or newer, or a cut .mat file."""


def load_two_step(path: Path | str) -> pd.DataFrame:
    """Read two-step trials from a CSV or parquet table or the macaque release (.mat).

    Args:
        path: the file; its ending says which of the three it is.

    Returns:
        Trial table. MetaRLError, in one sentence, says what is wrong with a file.
    """
    file = existing(path)
    if file.suffix.lower() == ".mat":
        return load_macaque_two_step(file)
    return load_table(file, NEEDED_COLUMNS, check_two_step)


def existing(path: Path | str) -> Path:
    """The path of a file that is there; MetaRLError if it is not."""
    file = Path(path)
    if not file.is_file():
        raise MetaRLError(f"there is no file {str(file)!r}; give a path to a table")
    return file


def load_table(
    path: Path | str,
    needed: Sequence[str],
    check: Callable[[pd.DataFrame], object] | None = None,
) -> pd.DataFrame:
    """Read a user's trial table, its optional columns filled in.

    Args:
        path: a CSV or parquet file.
        needed: columns it must have, subject and trial among them.
        check: raises MetaRLError where the coding is wrong.

    Returns:
        Trial table; subjects that have names are numbered, and named in `animal`.
    """
    file = existing(path)
    table = read_table(file)
    check_columns(list(table.columns), needed, f"{file.name}")
    absent = {k: v for k, v in OPTIONAL_COLUMNS.items() if k not in table}
    table = _numbered(table.assign(**absent))
    try:
        if check is not None:
            check(table)
    except MetaRLError as error:
        raise MetaRLError(f"{file.name}: {error}") from None
    return table


def _numbered(table: pd.DataFrame) -> pd.DataFrame:
    """Subjects that have names get numbers, and their names stand in `animal`."""
    if pd.api.types.is_numeric_dtype(table["subject"]):
        return table
    codes, names = pd.factorize(table["subject"], sort=True)
    return table.assign(subject=codes, animal=names.take(codes))


def read_table(file: Path) -> pd.DataFrame:
    """Read a CSV or parquet file; MetaRLError if it is neither."""
    ending = file.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise MetaRLError(
            f"{file.name} must end in .csv, .parquet or .mat, got {ending!r}; "
            "save the trial table as one of these"
        )
    try:
        table = pd.read_csv(file) if ending == ".csv" else pd.read_parquet(file)
    except (ValueError, OSError, ImportError) as error:
        raise MetaRLError(
            f"{file.name} cannot be read as {ending[1:]}: {_first_line(error)}"
        ) from None
    if table.empty:
        raise MetaRLError(f"{file.name} must have at least one trial, got none")
    return table


def load_macaque_two_step(path: Path | str) -> pd.DataFrame:
    """Read the release of Miranda et al. as a trial table.

    A session is one episode, and trial counts attempts, so that a trial that was not
    completed leaves a gap. The choice is of a picture, not of a side: 0 is the picture
    that commonly leads to the first second-stage state, and the side is in `side`.

    Args:
        path: PreparedData.mat of GitHub jamesbutler01/TwoStepTask, as released.

    Returns:
        One row for each completed trial, with animal (C, J), trial_type, side and
        reward_level (1 high, 2 medium, 3 low) besides the columns of a two-step table.

    Source: Miranda et al. 2020, PLoS Comput Biol 16:e1007944.
    """
    file = Path(path)
    try:
        prepared = io.loadmat(file)["PreparedData"]
        sessions = [list(monkey[0][:, 0]) for monkey in prepared]
    except UNREADABLE:
        raise MetaRLError(
            f"{file.name} must be the two-step release of Miranda et al. 2020 "
            "(PreparedData.mat), with one entry a monkey in PreparedData"
        ) from None
    tables = [
        _macaque_session(session, subject, number)
        for subject, monkey in enumerate(sessions)
        for number, session in enumerate(monkey)
    ]
    return pd.concat(tables, ignore_index=True)


def _macaque_session(session: np.void, subject: int, number: int) -> pd.DataFrame:
    """Trial table of one session."""
    where = f"session {number} of monkey {subject}"
    fields = ("indxGoodTrials", *MACAQUE_CODES, "SideResp1")
    check_columns(session.dtype.names or (), fields, where)
    codes = {name: np.ravel(session[name]).astype(np.int64) for name in fields}
    if len({len(values) for values in codes.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in codes.items())
        raise MetaRLError(f"{where} must have fields of one length, got {lengths}")
    for name, known in MACAQUE_CODES.items():
        _check_known(codes[name], known, f"{name} in {where}")
    second = codes["PicChosen2"] - MACAQUE_CODES["PicChosen2"][0]
    return pd.DataFrame(
        {
            "subject": subject,
            "animal": MACAQUES[subject] if subject < len(MACAQUES) else str(subject),
            "session": number,
            "episode": 0,
            "trial": codes["indxGoodTrials"],
            "choice": codes["PicChosen1"] - 1,
            "reward": (3 - codes["LevelRew2"]) / 2,
            "valid": 1,
            "correct": np.nan,
            "forced": (codes["TrialType"] != 1).astype(np.int64),
            "transition": np.where(codes["Transition"] == 1, "common", "rare"),
            "second_state": second // 2,
            "second_choice": second % 2,
            "high_state": np.nan,
            "trial_type": codes["TrialType"],
            "side": codes["SideResp1"],
            "reward_level": codes["LevelRew2"],
        }
    )


def _check_known(codes: NDArray[np.int64], known: tuple[int, ...], name: str) -> None:
    unknown = codes[~np.isin(codes, known)]
    if len(unknown):
        listed = ", ".join(map(str, known))
        raise MetaRLError(f"{name} must be one of {listed}, got {unknown[0]}")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
