"""Learning curves: each subject's, and their mean."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from metarl.analysis.learning_curves import mean_curve, plot_learning_curves


@pytest.fixture
def metrics():
    """Two subjects, the second of which was interrupted."""
    return pd.DataFrame(
        {
            "subject": [0, 0, 0, 1, 1],
            "steps": [1e6, 2e6, 3e6, 1e6, 2e6],
            "rollout/reward_rate": [0.0, 0.4, 0.6, 0.2, 0.8],
        }
    )


def test_the_mean_is_over_the_subjects_present(metrics):
    mean = mean_curve(metrics)
    np.testing.assert_allclose(mean.index, [1e6, 2e6, 3e6])
    np.testing.assert_allclose(mean, [0.1, 0.6, 0.6])


def test_each_subject_has_a_thin_line_and_the_mean_a_bold_one(metrics):
    ax = plot_learning_curves(metrics, plt.subplots()[1])
    first, second, mean = ax.lines
    np.testing.assert_allclose(first.get_xydata(), [[1, 0], [2, 0.4], [3, 0.6]])
    np.testing.assert_allclose(second.get_xydata(), [[1, 0.2], [2, 0.8]])
    np.testing.assert_allclose(mean.get_xydata(), [[1, 0.1], [2, 0.6], [3, 0.6]])
    assert mean.get_linewidth() > 2 * first.get_linewidth()
    assert mean.get_label() == "mean of 2 networks"
    assert "millions" in ax.get_xlabel()
    assert "per step" in ax.get_ylabel()
    plt.close(ax.figure)
