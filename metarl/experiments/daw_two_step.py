"""Two-step task for humans: Daw et al. 2011."""

from metarl.experiments.shared_presets import FAST, SMOKE, paper
from metarl.experiments.spec import Experiment

EXPERIMENT = Experiment(
    env="metarl.envs.daw_two_step:DawTwoStep",
    baselines="metarl.baselines.daw_two_step",
    analysis="metarl.analysis.two_step",
    summary="the human two-step task: a second choice, drifting probabilities",
    question=(
        "Does the network plan over both choices, as people do, while reward "
        "probabilities drift?"
    ),
    source="Daw et al. 2011, Neuron 69:1204",
    presets={"paper": paper(603, 10_000), "fast": FAST, "smoke": SMOKE},
    notes="""
Declared: no network was published on this task; these are the settings of two-step.
""",
)
