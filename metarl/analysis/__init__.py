"""From trial tables of networks, animals or people to tables, effects and panels.

Numpy, pandas, scipy, matplotlib and seaborn only: nothing here knows about networks.
Each experiment has a folder with its `ANALYSIS`; the modules here are the toolkit.
"""

from metarl.analysis.data import ExperimentData

__all__ = ["ExperimentData"]
