"""Values inferred without experience: Wang et al. 2018, Simulation 3."""

from metarl.agents.config import constant
from metarl.core.interventions import Condition, Intervention
from metarl.experiments.shared_presets import SMOKE, fast, paper
from metarl.experiments.spec import Experiment
from metarl.experiments.variants import VARIANTS
from metarl.runs.config import TEST, EvaluationConfig

RESET_BETWEEN_BLOCKS = Intervention(
    target="memory",
    operation="reset",
    when=Condition("event == 'fixation' and trial % 5 == 0"),
)

EXPERIMENT = Experiment(
    env="metarl.envs.inferred_value:InferredValue",
    baselines="metarl.baselines.inferred_value",
    analysis="metarl.analysis.inferred_value",
    summary="two cues swap values, so one cue's outcome predicts the other's",
    question=(
        "Do prediction errors reflect the value of a cue that was not experienced, but "
        "only inferred from the other cue?"
    ),
    source="Wang et al. 2018, Simulation 3; Bromberg-Martin et al. 2010",
    presets={
        "paper": paper(200, 10_000),
        "fast": fast(
            32,
            40,
            2000,
            rate=5e-3,
            discount=constant(0.9),
            value_weight=1.0,
            entropy_weight=constant(0.05),
            normalize_advantages=False,
        ),
        "smoke": SMOKE,
    },
    tests={
        TEST: EvaluationConfig(
            episodes=120, record_episodes=120, record_untrained=True
        ),
        "block-reset": EvaluationConfig(
            episodes=120, record_episodes=120, interventions=(RESET_BETWEEN_BLOCKS,)
        ),
    },
    variants={"rpe-input": VARIANTS["rpe-input"]},
    notes="""
Training: as published, 2 million steps, unrolls of 200 steps. `fast` does not
    normalise advantages: the policy is soon perfect, and its small advantages,
    scaled up, would be noise that overrides the learning of the critic.
Test: 1,200 frozen blocks of five trials.
""",
)
