"""Monkeys' behaviour in the reversal task, computed from their released trials."""

import pandas as pd

from metarl.analysis.references import read_reference

FROM_CURVES = {
    "at_reversal": ("reversal", 0, 0),
    "late_acquisition": ("acquisition", 11, 20),
    "late_reversal": ("reversal", 10, 19),
}
"""Measure -> the part of the curve that it is the mean of: alignment, first, last."""
PACKAGE = "metarl.analysis.reversal"


def reference_tables() -> dict[str, pd.DataFrame]:
    """The monkeys' curves and measures, with their sources.

    Returns:
        reference_curves (by schedule, alignment, trial) and reference_measures (by
        schedule), in the format of `metarl.analysis.references`, with blocks, the
        number of blocks that a value and its standard error are over; a measure that is
        read off the curves has no error. reference_overall: kind, label, n, study,
        measure, and value over the blocks of both schedules together.
    """
    curves = _macaques(read_reference(PACKAGE, "curves"))
    stated = _macaques(read_reference(PACKAGE, "measures"))
    measures = pd.concat([stated, _from_curves(curves)], ignore_index=True)
    return {
        "reference_curves": curves,
        "reference_measures": measures,
        "reference_overall": _overall(measures),
    }


def _macaques(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["label"] == "macaques"].reset_index(drop=True)


def _from_curves(curves: pd.DataFrame) -> pd.DataFrame:
    """Means over parts of the curves, in which every block has every trial."""
    by = ["schedule", "blocks", "n", "kind", "label", "study", "source_location"]
    frames = []
    for measure, (alignment, first, last) in FROM_CURVES.items():
        piece = curves[curves["alignment"] == alignment]
        piece = piece[piece["trial"].between(first, last)]
        means = piece.groupby(by, sort=False)["value"].mean()
        frames.append(means.reset_index().assign(measure=measure))
    return pd.concat(frames, ignore_index=True)


def _overall(measures: pd.DataFrame) -> pd.DataFrame:
    """Means over schedules, weighted by their numbers of blocks."""
    by = ["kind", "label", "n", "study", "measure"]
    weighted = measures.assign(total=measures["value"] * measures["blocks"])
    sums = weighted.groupby(by, sort=False)[["total", "blocks"]].sum()
    return (sums["total"] / sums["blocks"]).rename("value").reset_index()
