"""Two-step trials of monkeys, from the published release."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import io

from metarl.analysis.data import check_columns
from metarl.analysis.matlab import UNREADABLE
from metarl.core.checks import MetaRLError

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
