"""Published results of animals, people and the paper's networks in two-step tasks."""

import pandas as pd

from metarl.analysis.references import read_reference

PACKAGE = "metarl.analysis.two_step"


def reference_tables() -> dict[str, pd.DataFrame]:
    """Published results, in the format of `metarl.analysis.references`.

    Returns:
        reference_stays (by reward and transition of the trial before),
        reference_regression (by term) and reference_rpe (by reference: model-based or
        model-free). A kind is paper, animal or human.
    """
    names = ("stays", "regression", "rpe")
    return {f"reference_{name}": read_reference(PACKAGE, name) for name in names}
