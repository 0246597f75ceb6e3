"""Arms with drifting chances, of Wang et al. 2016."""

from metarl.agents.config import constant
from metarl.experiments.shared_presets import ANNEALED, SMOKE, fast, paper
from metarl.experiments.spec import Experiment
from metarl.runs.config import TEST, EvaluationConfig

EXPERIMENT = Experiment(
    env="metarl.envs.restless_bandit:RestlessBandit",
    baselines="metarl.baselines.restless_bandit",
    analysis="metarl.analysis.restless_bandit",
    summary="two arms with chances that drift, slowly or quickly, as you learn",
    question=(
        "Does the network learn faster where chances drift quickly than where they "
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
Training: `fast` has a low discount: either arm tells as much, so that rewards to come
    are noise to a choice.
Declared: 20,000 episodes; the precursor's rate and discount.
""",
)
