"""Harlow's learning sets from pixels: Wang et al. 2018, Simulation 5."""

from dataclasses import replace

from metarl.agents.config import Schedule
from metarl.experiments.harlow_line import (
    FAST_LINE,
    NOTES,
    PUBLISHED,
    SAME,
    SHORT,
    SNAPSHOT_TEST,
    TESTS,
    VARIANTS,
)
from metarl.experiments.shared_presets import SMOKE
from metarl.experiments.spec import Experiment

FAST_PIXELS = replace(
    FAST_LINE,
    network=replace(FAST_LINE.network, encoder="patch"),
    task={
        "width": 20,
        "height": 8,
        "picture_size": 8,
        "turn_pixels": 2,
        "picture_turns": 3,
        "ring": 55,
        "step_cap": 200,
    },
)

LARGE = replace(
    FAST_LINE,
    network=replace(FAST_LINE.network, encoder="stack"),
    learning=replace(FAST_LINE.learning, learning_rate=Schedule(start=2e-3, end=0.0)),
    training=replace(FAST_LINE.training, updates=1000),
    task={"step_cap": 200, "equalized": True},
)

EXPERIMENT = Experiment(
    env="metarl.envs.harlow:Harlow",
    baselines="metarl.baselines.harlow",
    analysis="metarl.analysis.harlow",
    summary="two new pictures per problem, one of them rewarded: from pixels",
    question=(
        "After many problems, does one trial suffice to solve a new one, when the only "
        "observation is an image?"
    ),
    source="Wang et al. 2018, Simulation 5; Harlow 1949, Psychol Rev 56:51",
    presets={
        "paper": replace(
            PUBLISHED, network=replace(PUBLISHED.network, encoder="stack")
        ),
        "fast": FAST_PIXELS,
        "large": LARGE,
        "smoke": replace(
            SMOKE,
            network=replace(SMOKE.network, encoder="patch"),
            task=FAST_PIXELS.task,
        ),
    },
    tests={**TESTS, "equalized": replace(SHORT, task={**SAME, "equalized": True})},
    snapshot_test=SNAPSHOT_TEST,
    variants=VARIANTS,
    notes=f"""{NOTES}
Presets: `fast` has images of 20 x 8 pixels, with pictures of 8 x 8, which span the same
    65 degrees, and shorter episodes; it is a quick look. In `fast` a memory of the mean
    colour of the rewarded picture alone is right in 1.00 of trials 2 to 6 (baseline
    `mean-colour`): its accuracy is no evidence of a memory of shapes or textures. The
    test `equalized` takes the mean colours away. `large` has the published 84 x 84, and
    all its pictures, in training too, have the same mean colour (baseline .50): results
    on memory of pictures are from it. Its features of pictures are equal, so no axis of
    an order can be fitted and nothing is decoded.
""",
)
