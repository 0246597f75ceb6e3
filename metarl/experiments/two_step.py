"""Two-step task: Wang et al. 2018, Simulation 4."""

from metarl.experiments.shared_presets import FAST, PAPER, PAPER_TF, SMOKE
from metarl.experiments.spec import Experiment, Variant
from metarl.experiments.variants import VARIANTS
from metarl.runs.config import TEST, EvaluationConfig

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
    variants={
        **{name: VARIANTS[name] for name in ("no-reward", "rpe-input")},
        "wang-2016": Variant(
            why="the task of Wang et al. 2016: ten trials an episode, in which the "
            "better state does not change, and rarer common transitions (.75)",
            task={
                "trial_count": 10,
                "probability_common": 0.75,
                "probability_switch": 0.0,
                "fixation": False,
            },
        ),
    },
    tests={
        TEST: EvaluationConfig(),
        "reversed": EvaluationConfig(
            record_episodes=0, task={"reversal_least": 40, "reversal_most": 60}
        ),
    },
    baseline_tests=(TEST, "reversed"),
    notes="""
Training: as published, one update per episode, 10,000 episodes. `paper-tf` is `paper`
    with TensorFlow 1's RMSProp and a summed loss. `fast` has many environments, short
    unrolls, and rates that fall to zero.
Test: `test` is the published one. In `reversed`, which is ours, the transition
    probabilities reverse once in an episode, after 40 to 60 trials and without a sign:
    from then on, left leads commonly to S2 and right to S1.
Test: a subject that stays after rewarded common and unrewarded rare trials need not
    plan. A latent-state learner (Akam, Costa & Dayan 2015, PLoS Comput Biol
    11:e1004648) infers from the outcomes which second-stage state is the richer one,
    and has one fixed choice for each of the two situations: on the published task it
    makes the same choices as the planner. After a reversal the planner takes the other
    choice for the same state; the latent-state learner keeps its own, so that its stay
    interaction by the present transitions changes its sign, and it gets less reward
    than by chance. The measure is the share of choices that lead commonly, by the
    present transitions, to the state that is richer by the belief of a Bayesian
    observer of the subject's outcomes; the first 10 trials after the reversal, in which
    a planner infers it, are left out.
Expected: like a latent-state learner. A network for which the transitions never changed
    in training has no reason to infer them; to learn a choice for each situation is
    enough. This was written before any network took the test. A planner with a model
    that it cannot change would choose in the same way: the test shows whether a subject
    changes its choices with the transitions, not whether it has a model of the former
    ones. It is no published claim: Wang et al. 2018 did not test it, and their
    networks, too, had one fixed structure in training. The criteria are for the
    baselines alone, which the test must tell apart.
""",
)
