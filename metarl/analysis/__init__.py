"""From a trial table, of an agent or an animal, to tables and axes.

Numpy, pandas, scipy, matplotlib and seaborn only: nothing here knows about networks.
Each task has one module with `tables`, `effects`, `PANELS` and `load_animals`.
"""

from metarl.analysis.data import ExperimentData

__all__ = ["ExperimentData"]
