"""Published behaviour and neurons of animals in baited tasks."""

import pandas as pd

from metarl.analysis.references import read_reference

PACKAGE = "metarl.analysis.matching"


def reference_tables() -> dict[str, pd.DataFrame]:
    """Published results, in the format of `metarl.analysis.references`.

    Returns:
        reference_behaviour (by measure), reference_history (weights in log odds, by
        predictor and lag) and reference_neurons (fractions that code a variable, of
        neurons or of responses).
    """
    names = ("behaviour", "history", "neurons")
    return {f"reference_{name}": read_reference(PACKAGE, name) for name in names}
