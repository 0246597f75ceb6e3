"""Marks by themselves: what they draw, and where."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.colors import same_color

from metarl.analysis.plotting import half_violin


@pytest.fixture
def ax():
    figure, made = plt.subplots()
    yield made
    plt.close(figure)


def test_half_a_violin_reaches_from_its_line_as_far_as_the_density(ax):
    density = pd.DataFrame({"rpe": [0.0, 1.0, 2.0], "reach": [-0.1, -0.4, 0.0]})
    half_violin(ax, 3, density, "rpe", "red", alpha=0.5)
    (filled,) = ax.collections
    corners = {tuple(corner) for corner in filled.get_paths()[0].vertices.tolist()}
    assert corners == {(3, 0), (3, 1), (3, 2), (2.9, 0), (2.6, 1)}
    assert same_color(filled.get_facecolor()[0][:3], "red")
