"""Style of figures."""

import itertools

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb

from metarl.analysis.style import COLOURS, GROUP_COLOURS, baseline_colour, figure_style


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


# From light to what readers see with three cones, and without each kind (severity 1):
# Machado, Oliveira & Fernandes 2009, IEEE Trans Vis Comput Graph 15:1291.
SIGHT = {
    "usual": np.eye(3),
    "no long": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no middle": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no short": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(colour, sight):
    """CIE 1976 L*a*b* of a colour as it is seen."""
    coded = np.array(to_rgb(colour))
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(sight) @ light, 0, 1)
    to_xyz = [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
    ratio = np.array(to_xyz) @ seen / [0.9505, 1, 1.089]
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_groups_networks_and_published_subjects_differ_for_every_reader():
    others = [COLOURS[name] for name in ("agent", "animal", "human", "paper")]
    for one, other in itertools.combinations([*GROUP_COLOURS, *others], 2):
        for sight in SIGHT.values():
            apart = np.linalg.norm(lab(one, sight) - lab(other, sight))
            assert apart > 20, (one, other)


def test_a_baseline_without_its_own_colour_is_grey():
    assert baseline_colour("bayes-greedy") == COLOURS["optimum"]
    assert baseline_colour("something") == COLOURS["chance"]
