"""Two-step task: Wang et al. 2018, Simulation 4."""

from metarl.experiments.shared_presets import FAST, PAPER, PAPER_TF, SMOKE
from metarl.experiments.spec import Experiment
from metarl.experiments.variants import VARIANTS

EXPERIMENT = Experiment(
    env="metarl.envs.two_step:TwoStep",
    baselines="metarl.baselines.two_step",
    analysis="metarl.analysis.two_step",
    summary="each choice usually leads to one of two states with rewards",
    question=(
        "Do choices and prediction errors follow a model of the task rather than the "
        "last reward?"
    ),
    source="Wang et al. 2018, Simulation 4; Daw et al. 2011",
    presets={"paper": PAPER, "paper-tf": PAPER_TF, "fast": FAST, "smoke": SMOKE},
    variants={name: VARIANTS[name] for name in ("no-reward", "rpe-input")},
    notes="""
Training: as published, one update per episode, 10,000 episodes. `paper-tf` is `paper`
    with TensorFlow 1's RMSProp and a summed loss. `fast` has many environments, short
    unrolls, and rates that fall to zero.
""",
)
