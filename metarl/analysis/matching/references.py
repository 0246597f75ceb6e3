"""What animals do in baited tasks, and how many of their neurons code for it."""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from metarl.analysis.bridge import packaged
from metarl.analysis.matching.units import HISTORY, VARIABLES

MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "generalized matching slope (log2 choice ratio on log2 reward ratio)": "slope",
        "generalized matching slope": "slope",
        "R2 of log choice ratio on log reward ratio": "r2",
        "P(stay | win)": "stay_after_reward",
        "P(shift | no reward)": "switch_after_none",
    }
)
"""Measure in the published table -> our column."""
GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "baited 40/10 %": "mice, 40/10 %",
        "baited 40/5 %": "mice, 40/5 %",
        "baited 40/10 and 40/5": "mice, both",
        "monkey X51": "macaque X51",
        "monkey X53": "macaque X53",
        "animal A": "macaque A",
        "animal B": "macaque B",
    }
)
"""How a published condition starts -> who was measured."""
NEURONS: Mapping[str, str] = MappingProxyType(
    {
        "last action (left/right)": VARIABLES[0],
        "last outcome (reward)": VARIABLES[1],
        "last object choice x last outcome": VARIABLES[2],
        "last-trial history coding (any)": HISTORY,
        "value coding in any period": VARIABLES[3],
        "object choice coding": VARIABLES[4],
    }
)
"""Published kind of coding -> our variable; the first three are shares of responses."""


def reference_tables() -> dict[str, pd.DataFrame]:
    """Published results of animals, with their sources.

    Returns:
        reference_matching (label, measure: slope, r2, stay_after_reward or
        switch_after_none; value, error), reference_history (label, predictor, lag,
        value, error; log odds) and reference_neurons (variable, of: neurons or
        responses; value, error; fractions); each with study, species, n and
        source_location.
    """
    return {
        "reference_matching": _matching(),
        "reference_history": _history(),
        "reference_neurons": _neurons(),
    }


def _matching() -> pd.DataFrame:
    rows = packaged("sim1_matching.csv")
    rows = rows.assign(measure=rows["measure"].map(MEASURES), label=_label(rows))
    shared = ["study", "species", "n", "label", "measure", "value", "error"]
    return rows.loc[rows["measure"].notna(), [*shared, "source_location"]]


def _label(rows: pd.DataFrame) -> list[str]:
    return [
        next((name for start, name in GROUPS.items() if text.startswith(start)), "")
        for text in rows["condition"].astype(str)
    ]


def _history() -> pd.DataFrame:
    rows = packaged("sim1_history_kernels.csv")
    rows = rows.rename(columns={"weight_log_odds": "value"})
    species = rows["species"].map({"mouse": "mice", "rhesus macaque": "macaques"})
    return rows.assign(label=species)


def _neurons() -> pd.DataFrame:
    rows = packaged("sim1_dlpfc_coding.csv")
    rows = rows.assign(variable=rows["measure"].map(NEURONS))
    rows = rows[rows["variable"].notna()]
    single = rows["condition"].str.startswith("205 neurons")
    rows = rows.assign(of=single.map({True: "neurons", False: "responses"}))
    shared = ["study", "species", "n", "variable", "of", "value", "error"]
    return rows[[*shared, "source_location"]]
