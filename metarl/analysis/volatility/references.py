"""Published learning rates of people and animals, and the coding of the paper."""

import pandas as pd

from metarl.analysis.references import read_reference

PACKAGE = "metarl.analysis.volatility"


def reference_tables() -> dict[str, pd.DataFrame]:
    """Published results, in the format of `metarl.analysis.references`.

    Returns:
        reference_rates (learning rates by block), reference_coding (fraction of units)
        and reference_signs (studies that found a faster rate in volatile times, without
        a rate).
    """
    names = ("rates", "coding", "signs")
    return {f"reference_{name}": read_reference(PACKAGE, name) for name in names}
