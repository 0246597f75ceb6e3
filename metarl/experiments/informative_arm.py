"""An arm with a small reward that identifies the best arm: Wang et al. 2016."""

from metarl.agents.config import Schedule, constant
from metarl.experiments.shared_presets import ANNEALED, SMOKE, fast, paper
from metarl.experiments.spec import Experiment
from metarl.runs.config import TEST, EvaluationConfig

EXPERIMENT = Experiment(
    env="metarl.envs.informative_arm:InformativeArm",
    baselines="metarl.baselines.informative_arm",
    analysis="metarl.analysis.informative_arm",
    summary="one arm pays little, and its reward identifies the arm that pays best",
    question=(
        "Does the network give up a reward now to learn which arm pays best later?"
    ),
    source="Wang et al. 2016, section 3.1.3",
    presets={
        "paper": paper(
            5,
            200_000,
            learning_rate=constant(1e-3),
            discount=constant(0.8),
            entropy_weight=ANNEALED,
        ),
        "fast": fast(
            256,
            10,
            1500,
            rate=5e-3,
            discount=constant(0.8),
            entropy_weight=Schedule(start=0.3, end=0.0),
        ),
        "smoke": SMOKE,
    },
    tests={TEST: EvaluationConfig(episodes=1_000, shared_problems=True)},
    notes="""
Declared: 200,000 episodes; rate, discount and unroll of Wang et al. 2016.
""",
)
