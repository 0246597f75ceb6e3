"""Matching trials of mice, from the published release."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import io

from metarl.analysis.data import check_columns
from metarl.analysis.matching.behaviour import SCHEMA
from metarl.analysis.matlab import UNREADABLE
from metarl.core.checks import MetaRLError

PAIRS = {"prob1040": "40/10", "prob540": "40/5"}
"""Flag of the release -> base probabilities of the two sides in percent."""
FIELDS = ("c", "r", "rewardprob", "block_addresses", "animal_ids", *PAIRS)
"""Fields of the release that are read."""


def load_mouse_foraging(path: Path | str) -> pd.DataFrame:
    """Read the mice of Bari et al. as a trial table.

    An entry of the release is one session, and a block of constant base probabilities
    is one episode. Trials without a response were left out by the authors, so that the
    numbers of trials do not show where they were.

    Args:
        path: all_stats_cohen.mat of GitHub DartmouthCCNL/trepka_etal_natcomm_2021.

    Returns:
        One row a trial, with animal (its name), pair (the base probabilities in
        percent, as "40/10") and p0_left besides the columns of the matching task.

    Source: Bari et al. 2019, Neuron 103:922; Trepka et al. 2021, Nat Commun.
    """
    file = Path(path)
    try:
        entries = [cell[0, 0] for cell in np.ravel(io.loadmat(file)["all_stats"])]
        names = entries[0].dtype.names or ()
        check_columns(names, FIELDS, f"all_stats in {file.name}")
        animals = [str(np.ravel(entry["animal_ids"])[0]) for entry in entries]
        sessions = [_session(entry) for entry in entries]
    except UNREADABLE:
        raise MetaRLError(
            f"{file.name} must be the foraging release of Trepka et al. 2021 "
            "(all_stats_cohen.mat), with one entry a session in all_stats"
        ) from None
    codes, labels = pd.factorize(np.array(animals), sort=True)
    numbers = pd.Series(codes).groupby(codes).cumcount().to_numpy()
    lengths = [len(table) for table in sessions]
    trials = pd.concat(sessions, ignore_index=True).assign(
        subject=np.repeat(codes, lengths),
        animal=np.repeat(labels[codes], lengths),
        session=np.repeat(numbers, lengths),
    )
    SCHEMA.check(trials)
    return trials


def _session(entry: np.void) -> pd.DataFrame:
    """Trial table of one session, without the columns of its animal."""
    choice = (np.ravel(entry["c"]).astype(np.int64) + 1) // 2
    starts = np.ravel(entry["block_addresses"]).astype(np.int64)[:-1] - 1
    block = np.searchsorted(starts, np.arange(len(choice)), side="right") - 1
    pairs = [name for flag, name in PAIRS.items() if np.any(entry[flag])]
    return pd.DataFrame(
        {
            "episode": block,
            "trial": np.arange(len(choice)) - starts[block],
            "choice": choice,
            "reward": np.ravel(entry["r"]).astype(float),
            "valid": 1,
            "correct": np.nan,
            "forced": 0,
            "p0_left": np.asarray(entry["rewardprob"], float)[:, 0],
            "pair": " and ".join(pairs) or "unknown",
        }
    )
