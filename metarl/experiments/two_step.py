"""The two-step task of Wang et al. 2018, Simulation 4."""

from metarl.experiments.shared_presets import FAST, PAPER, SMOKE
from metarl.experiments.spec import Experiment

EXPERIMENT = Experiment(
    env="metarl.envs.two_step:TwoStep",
    baselines="metarl.baselines.two_step",
    analysis="metarl.analysis.two_step",
    summary="a choice leads, mostly, to one of two states that pay",
    question=(
        "Do choices, and prediction errors, follow a model of the task rather than "
        "what was last rewarded?"
    ),
    source="Wang et al. 2018, Simulation 4; Daw et al. 2011",
    presets={"paper": PAPER, "fast": FAST, "smoke": SMOKE},
    notes="""
Training: as published, an update an episode, 10,000 episodes. `fast` has many
    environments and short unrolls, and its rates anneal to zero.
""",
)
