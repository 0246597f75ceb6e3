"""Pictures of the page: data inside it, the same for the same figure."""

import base64
import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from metarl.reports.html.figures import (
    analysis_picture,
    curves_picture,
    png_address,
    svg_address,
    task_diagram_picture,
)


def decoded(address, kind):
    head, _, data = address.partition(";base64,")
    assert head == f"data:image/{kind}"
    return base64.b64decode(data)


def example_figure():
    figure = Figure()
    figure.add_subplot().plot([1, 2], label="a")
    return figure


def test_an_svg_is_the_same_for_the_same_figure_and_has_no_date():
    text = decoded(svg_address(example_figure()), "svg+xml").decode()
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert svg_address(example_figure()) == svg_address(example_figure())
    assert "dc:date" not in text


def test_drawing_leaves_the_callers_settings_alone():
    before = plt.rcParams["svg.hashsalt"]
    svg_address(example_figure())
    assert plt.rcParams["svg.hashsalt"] == before


def test_a_png_is_embedded_unchanged(tmp_path):
    path = tmp_path / "figure.png"
    path.write_bytes(b"\x89PNG bytes")
    assert decoded(png_address(path), "png") == b"\x89PNG bytes"


def test_the_task_diagram_names_its_baseline(small):
    picture = task_diagram_picture(small("two-step"))
    assert "bayes-greedy" in picture.caption
    first = "step 1 (trial 1): fixation, centre, reward 0"
    assert picture.alt.startswith(f"Task diagram: {first}")


def test_the_description_of_learning_curves_has_their_ends():
    metrics = pd.DataFrame(
        {
            "subject": [0, 0, 1, 1],
            "steps": [1000, 2000, 1000, 2000],
            "rollout/reward_rate": [0.1, 0.5, 0.3, 0.75],
        }
    )
    numbers = re.findall(r"[\d.,]+\d", curves_picture(metrics).alt)
    assert numbers == ["0.200", "0.625", "2,000"]


def test_the_analysis_figure_names_its_panels(tmp_path):
    path = tmp_path / "figure.png"
    path.write_bytes(b"\x89PNG")
    alt = analysis_picture("two-step", path).alt
    assert "Rewards; Prediction error: model-based" in alt
