"""Style of figures."""

import itertools

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb

from metarl.analysis.style import COLOURS, baseline_colour, figure_style


def test_the_style_is_on_inside_and_gone_outside():
    before = dict(mpl.rcParams)
    with figure_style():
        assert mpl.rcParams["axes.labelsize"] > before["font.size"]
        assert not mpl.rcParams["axes.spines.top"]
    assert dict(mpl.rcParams) == before


def test_colours_drawn_side_by_side_differ_for_a_red_green_blind_reader():
    # Without one of the two cones, red and green give one signal.
    side_by_side = ("agent", "paper", "animal", "human", "chance")
    seen = {}
    for name in side_by_side:
        red, green, blue = to_rgb(COLOURS[name])
        seen[name] = np.array([0.3 * red + 0.7 * green, blue])
    for one, other in itertools.combinations(side_by_side, 2):
        assert np.abs(seen[one] - seen[other]).max() > 0.08, (one, other)


def test_a_baseline_without_its_own_colour_is_grey():
    assert baseline_colour("bayes-greedy") == COLOURS["optimum"]
    assert baseline_colour("something") == COLOURS["chance"]
