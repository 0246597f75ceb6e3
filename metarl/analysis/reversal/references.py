"""What monkeys did in the reversal task, computed from their released trials."""

import pandas as pd

from metarl.analysis.references import packaged

SCHEDULES = {"80/20": 80.0, "70/30": 70.0}
"""Schedule as the reference rows write it -> the better option's chance in percent."""
QUANTITIES = {
    "P(choose better stimulus)": "p_better",
    "P(stay | win), mean over superblocks": "stay_after_win",
    "P(shift | no reward), mean over superblocks": "shift_after_loss",
    "trials after reversal before the first choice of the new better stimulus": (
        "first_new_better"
    ),
    "max-likelihood choice switch point minus true reversal trial": "switch_delay",
}
"""Measure as the reference rows write it -> its name here."""
FROM_CURVES = {
    "at_reversal": ("reversal", 0, 0),
    "late_acquisition": ("acquisition", 11, 20),
    "late_reversal": ("reversal", 10, 19),
}
"""Measure -> the piece of curve that it is the mean of: alignment, first, last."""
SHARED = ("kind", "label", "study", "n", "schedule", "value", "error", "blocks")
"""Columns of every reference table, besides its own and `source_location`."""


def reference_tables() -> dict[str, pd.DataFrame]:
    """The monkeys' curves and measures, with their sources.

    Returns:
        reference_curves (alignment, trial) and reference_measures (measure); each with
        kind (animal), label, study, n (monkeys), schedule, value, its standard error
        over blocks (error), blocks, their number, and source_location. A measure that
        is read off the curves has no error. reference_overall: kind, label, n, measure,
        and value over the blocks of both schedules together.
    """
    curves = _curves()
    measures = pd.concat([_measures(), _from_curves(curves)], ignore_index=True)
    return {
        "reference_curves": curves,
        "reference_measures": measures,
        "reference_overall": _overall(measures),
    }


def _monkeys(name: str) -> pd.DataFrame:
    """The rows of these monkeys in a packaged table that also has others'."""
    rows = packaged(name)
    rows = rows[rows["study"].str.startswith("Costa et al. 2016")]
    return rows.assign(kind="animal", label="macaques")


def _curves() -> pd.DataFrame:
    rows = _monkeys("sim3_reversal_curves.csv")
    names = {
        "trial_relative": "trial",
        "p_choose_currently_better": "value",
        "sem": "error",
        "n_blocks": "blocks",
    }
    table = rows.rename(columns=names).assign(
        schedule=rows["schedule_percent"].map(SCHEDULES)
    )
    columns = [*SHARED, "alignment", "trial", "source_location"]
    return table[columns].reset_index(drop=True)


def _measures() -> pd.DataFrame:
    rows = _monkeys("sim3_inferred_and_reversal.csv")
    found = rows["condition"].str.extract(r"^(?P<schedule>\d+/\d+) %, (?P<blocks>\d+)")
    table = rows.assign(
        schedule=found["schedule"].map(SCHEDULES),
        blocks=found["blocks"].astype(int),
        measure=rows["measure"].map(QUANTITIES),
        # Other rows of the file hold words here, and so the column does.
        value=rows["value"].astype(float),
        n=rows["n"].astype(int),
    )
    return table[[*SHARED, "measure", "source_location"]]


def _from_curves(curves: pd.DataFrame) -> pd.DataFrame:
    """Means over pieces of the curves, in which every block has every trial."""
    parts = []
    for measure, (alignment, first, last) in FROM_CURVES.items():
        piece = curves[curves["alignment"] == alignment]
        piece = piece[piece["trial"].between(first, last)]
        by = [name for name in SHARED if name not in ("value", "error")]
        means = piece.groupby([*by, "source_location"], sort=False)["value"].mean()
        parts.append(means.reset_index().assign(measure=measure))
    return pd.concat(parts, ignore_index=True)


def _overall(measures: pd.DataFrame) -> pd.DataFrame:
    """Every schedule's value counts by its number of blocks."""
    by = ["kind", "label", "n", "measure"]
    weighted = measures.assign(total=measures["value"] * measures["blocks"])
    sums = weighted.groupby(by, sort=False)[["total", "blocks"]].sum()
    return (sums["total"] / sums["blocks"]).rename("value").reset_index()
