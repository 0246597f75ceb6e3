"""Arms with drifting probabilities of reward: Wang et al. 2016."""

from metarl.agents.config import constant
from metarl.experiments.shared_presets import ANNEALED, SMOKE, fast, paper
from metarl.experiments.spec import Experiment
from metarl.runs.config import TEST, EvaluationConfig

EXPERIMENT = Experiment(
    env="metarl.envs.restless_bandit:RestlessBandit",
    baselines="metarl.baselines.restless_bandit",
    analysis="metarl.analysis.restless_bandit",
    summary="two arms with probabilities of reward that drift, slowly or quickly",
    question=(
        "Does the network learn faster when probabilities drift quickly than when they "
        "drift slowly?"
    ),
    source="Wang et al. 2016, section 3.1.4",
    presets={
        "paper": paper(
            100,
            20_000,
            learning_rate=constant(1e-3),
            discount=constant(0.8),
            entropy_weight=ANNEALED,
        ),
        "fast": fast(64, 50, 1500, rate=4e-3, discount=constant(0.2)),
        "smoke": SMOKE,
    },
    tests={TEST: EvaluationConfig(episodes=1_000, shared_problems=True)},
    notes="""
Training: `fast` has a low discount: both arms are equally informative, so that later
    rewards are only noise for a choice.
Declared: 20,000 episodes; rate and discount of Wang et al. 2016.
""",
)
