"""Plasticity and activity: what is each needed for, early and late in training?

In foraging mice, a block of plasticity in the orbitofrontal cortex impairs learning
across sessions, but not the behaviour of experts; inactivation of the same area impairs
the experts' behaviour within a session. Here the area is the recurrent core. Its
plasticity is blocked from a stage of training on, while the readouts, in the place of
the rest of the brain, go on learning; or its activity is silenced in a test with frozen
weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from metarl.agents.networks.actor_critic import Network
from metarl.analysis.effects import Effect
from metarl.analysis.reversal.behaviour import read_blocks, subject_measures
from metarl.core.interventions import Intervention
from metarl.core.parallel import Reporter
from metarl.envs.reversal import ReversalParams
from metarl.experiments.reversal import EXPERIMENT
from metarl.runs.config import EvaluationConfig, RunConfig, TrainingConfig
from metarl.simulation.evaluation import run_frozen
from metarl.studies.plasticity.plots import draw_plasticity
from metarl.studies.spec import (
    Condition,
    Results,
    Scale,
    SeedResults,
    Study,
    make_effect,
    read_criteria,
)
from metarl.training.loop import stop_if_asked
from metarl.training.trainer import Trainer

CRITERIA = read_criteria("metarl.studies.plasticity")

UPDATES = 600
"""Updates of the whole training."""
TASK = ReversalParams(fixation=False)
"""Parameters of the task."""
SMOKE_TASK = replace(TASK, trial_count=40)
"""Parameters of the task at the smoke scale."""
SMOKE = TrainingConfig(num_envs=8, unroll_steps=5, updates=40)
"""Amount of training at the smoke scale."""
EPISODES, SMOKE_EPISODES = 500, 10
"""Episodes of a test."""
STAGES: Mapping[str, Fraction] = {
    "early": Fraction(3, 40),
    "early-end": Fraction(13, 40),
    "late": Fraction(3, 4),
    "end": Fraction(1),
}
"""Stage -> part of training before it. Early to early-end, and late to end, are a
quarter of training each."""
MEASURES = ("p_better", "stay_after_win", "shift_after_loss", "late_acquisition")
"""Measures of a test, in metarl.analysis.reversal."""
TESTS: Mapping[str, float] = {"active": 0.0, "silenced": 1.0}
"""Test at every stage -> share of the core's units that is silenced."""
PARTIAL: Mapping[str, float] = {"quarter": 0.25, "half": 0.5, "most": 0.75}
"""Further tests of the late network without a block."""
SESSION_TRIALS = 31
"""Trials of a session before the earliest reversal."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of plasticity."""

    words: str
    """In words."""
    area: str = "none"
    """What it blocks: none, core, or all weights."""
    first: str = "early"
    """Stage at which it begins, and the first that is tested."""
    last: str = "end"
    """Last stage of the condition."""

    @property
    def stages(self) -> list[str]:
        """Stages that are tested."""
        names = [*STAGES]
        return names[names.index(self.first) : names.index(self.last) + 1]

    def covers(self, parameter: str) -> bool:
        """Whether it blocks the plasticity of a parameter."""
        is_readout = "heads" in parameter.split(".")
        return self.area == "all" or (self.area == "core" and not is_readout)


BLOCKS: Mapping[str, Block] = {
    "plastic": Block(words="plastic"),
    "core-early": Block(words="core blocked", area="core", first="early"),
    "core-late": Block(words="core blocked", area="core", first="late"),
    "all-early": Block(
        words="all weights blocked", area="all", first="early", last="early-end"
    ),
}
"""Condition -> its block."""


def conditions(scale: Scale) -> Mapping[str, Condition]:
    """Training without and with each block."""
    return {name: partial(learn, name, scale.smoke) for name in BLOCKS}


def configure(seed: int, smoke: bool) -> RunConfig[ReversalParams]:
    """The fast preset of the reversal task, without its fixation step.

    A silenced network could not fixate either, and would lose its trials.
    """
    preset = EXPERIMENT.presets["fast"]
    return RunConfig(
        task="reversal",
        preset="neighbours",
        task_params=SMOKE_TASK if smoke else TASK,
        network=preset.network,
        learning=preset.learning,
        training=SMOKE if smoke else replace(preset.training, updates=UPDATES),
        subjects=1,
        seed=seed,
    )


def learn(name: str, smoke: bool, seed: int, reporter: Reporter) -> SeedResults:
    """Train a network with a block of plasticity, and test it at every stage.

    Until the block begins, conditions of one seed have the same network.
    """
    torch.set_num_threads(1)
    config = configure(seed, smoke)
    block, trainer = BLOCKS[name], Trainer(config, 0)
    episodes = SMOKE_EPISODES if smoke else EPISODES
    kept: dict[str, Tensor] = {}
    found: SeedResults = {
        "percent": [100 * float(STAGES[stage]) for stage in block.stages]
    }
    for stage in block.stages:
        train_to(trainer, STAGES[stage], kept, reporter)
        kept = kept or blocked_weights(trainer.network, block)
        for test, share in shares_of(name, stage).items():
            measured = run_test(config, trainer.network, episodes, share)
            found |= {f"{key} {stage} {test}": v for key, v in measured.items()}
    found["p_better"] = [found[f"p_better {stage} active"] for stage in block.stages]
    return found


def shares_of(condition: str, stage: str) -> Mapping[str, float]:
    """Tests of a condition at a stage -> share of the core that is silenced."""
    more = PARTIAL if (condition, stage) == ("plastic", "late") else {}
    return {**TESTS, **more}


def blocked_weights(network: Network, block: Block) -> dict[str, Tensor]:
    """A copy of the parameters without plasticity, by name."""
    return {
        name: value.detach().clone()
        for name, value in network.named_parameters()
        if block.covers(name)
    }


def train_to(
    trainer: Trainer, part: Fraction, kept: Mapping[str, Tensor], reporter: Reporter
) -> None:
    """Train up to a part of the whole training, some weights being kept.

    Args:
        trainer: of the network.
        part: of the whole training.
        kept: parameter -> the value that it keeps.
        reporter: receives the progress; asked whether to stop.

    Raises:
        Interrupted: the reporter asked to stop.
    """

    def before_update() -> None:
        stop_if_asked(reporter)
        put_back(trainer.network, kept)

    until = int(part * trainer.config.training.updates)
    for _ in trainer.run(until, every=Fraction(1, 20), before_update=before_update):
        reporter.report(trainer.progress)
    put_back(trainer.network, kept)


@torch.no_grad()
def put_back(network: Network, kept: Mapping[str, Tensor]) -> None:
    """Undo an update of the kept weights; the others keep theirs.

    The step of the other weights is thus the same as in a network without a block: one
    gradient, clipped as a whole, and one optimizer that is not begun again.
    """
    for name, value in kept.items():
        network.get_parameter(name).copy_(value)


def silence(share: float, units: int) -> tuple[Intervention, ...]:
    """Silence the first of a core's units, for the core itself and for its readouts."""
    count = round(share * units)
    if not count:
        return ()
    numbers = tuple(range(count))
    return (Intervention(target="units", operation="scale", amount=0, units=numbers),)


def run_test(
    config: RunConfig[Any], network: Network, episodes: int, share: float
) -> dict[str, Any]:
    """Test a frozen network, a share of its core silenced.

    Tests of one seed have the same episodes.

    Returns:
        The `MEASURES`, and P(choose better) in each trial before any reversal.
    """
    test = EvaluationConfig(
        episodes=episodes,
        record_episodes=0,
        interventions=silence(share, config.network.units),
    )
    trials, _, _ = run_frozen(config, 0, network, test)
    subject = subject_measures(read_blocks(trials)).iloc[0]
    before = trials[trials["trial"] < SESSION_TRIALS]
    by_trial = before.groupby("trial")["correct"].mean()
    return {
        **{name: float(subject[name]) for name in MEASURES},
        "by_trial": [float(share) for share in by_trial],
    }


def at(
    results: Results, condition: str, measure: str, stage: str, test: str = "active"
) -> "pd.Series[float]":
    """A measure of every seed in one test."""
    return results.values(condition, f"{measure} {stage} {test}")


def change(
    results: Results, condition: str, stages: tuple[str, str], measure: str = "p_better"
) -> "pd.Series[float]":
    """Change of a measure of every seed from one stage to another."""
    first, last = (at(results, condition, measure, stage) for stage in stages)
    return last - first


EARLY, LATE, SINCE_EARLY = ("early", "early-end"), ("late", "end"), ("early", "end")
"""Pairs of stages between which changes are measured."""
IMPROVEMENT = "P(choose better), change over an early quarter of training"
SINCE = "P(choose better), end of training minus early"
STAY = "P(stay | win), expert, change over the last quarter of training"
BETTER = "P(choose better), expert"
WITHIN = "P(choose better), trials 11-20, early network"


def effects(results: Results) -> list[Effect]:
    """Blocked plasticity, then silenced activity, each early and late."""
    return [*_of_plasticity(results), *_of_activity(results), *_unscored(results)]


def _scored(label: str, values: "pd.Series[float]", criterion: str) -> Effect:
    return make_effect(label, values, CRITERIA[criterion])


def _of_plasticity(results: Results) -> list[Effect]:
    of = partial(change, results)
    early = {name: of(name, EARLY) for name in ("plastic", "core-early", "all-early")}
    ends = {name: of(name, SINCE_EARLY) for name in ("plastic", "core-early")}
    core = "core blocked"
    return [
        _scored(f"{IMPROVEMENT}, plastic", early["plastic"], "early, plastic"),
        _scored(f"{IMPROVEMENT}, {core}", early["core-early"], "early, core blocked"),
        _scored(
            f"{IMPROVEMENT}, {core} minus plastic",
            early["core-early"] - early["plastic"],
            "early, core blocked, relative",
        ),
        _scored(
            f"{IMPROVEMENT}, all weights blocked (check of the simulation)",
            early["all-early"],
            "early, all blocked",
        ),
        _scored(f"{SINCE}, {core}", ends["core-early"], "end, core blocked"),
        _scored(
            f"{SINCE}, {core} minus plastic",
            ends["core-early"] - ends["plastic"],
            "end, core blocked, relative",
        ),
        _scored(
            f"{STAY}, {core}",
            of("core-late", LATE, "stay_after_win"),
            "expert, core blocked, stay",
        ),
        _scored(
            f"{BETTER}, change over the last quarter of training, {core}",
            of("core-late", LATE),
            "expert, core blocked, better",
        ),
    ]


def _of_activity(results: Results) -> list[Effect]:
    of = partial(at, results, "plastic")
    active, silenced = (of("p_better", "late", test) for test in TESTS)
    within = [of("late_acquisition", "early", test) for test in TESTS]
    return [
        _scored(f"{BETTER}, active", active, "expert"),
        _scored(
            f"{BETTER}, silenced minus active",
            silenced - active,
            "expert, silenced, relative",
        ),
        _scored(f"{BETTER}, silenced", silenced, "expert, silenced"),
        _scored(f"{WITHIN}, active", within[0], "early, within sessions"),
        _scored(f"{WITHIN}, silenced", within[1], "early, within sessions, silenced"),
    ]


def _unscored(results: Results) -> list[Effect]:
    of = partial(at, results, "plastic")
    words = {"stay_after_win": "P(stay | win)", "shift_after_loss": "P(shift | loss)"}
    rows = [
        make_effect(f"{label}, expert, {test}", of(name, "late", test), summary="mean")
        for name, label in words.items()
        for test in TESTS
    ]
    plastic = [
        (f"{STAY}, plastic", change(results, "plastic", LATE, "stay_after_win")),
        (
            f"{BETTER}, change over the last quarter of training, plastic",
            change(results, "plastic", LATE),
        ),
    ]
    return [*rows, *(make_effect(*row, summary="mean") for row in plastic)]


def tables(results: Results) -> Mapping[str, pd.DataFrame]:
    """Means over seeds of every measure, by condition, stage and test."""
    rows = [
        _row(results, name, stage, test)
        for name in results.conditions
        for stage in BLOCKS[name].stages
        for test in TESTS
    ]
    return {"plasticity": pd.DataFrame(rows)}


def _row(results: Results, name: str, stage: str, test: str) -> dict[str, Any]:
    means = {m: at(results, name, m, stage, test).mean() for m in MEASURES}
    return {"condition": name, "stage": stage, "test": test, **means}


def figures(results: Results) -> Mapping[str, Figure]:
    """Training with and without a block, and tests with silenced units."""
    rows = [("early", EARLY, name) for name in ("plastic", "core-early", "all-early")]
    rows += [("late", LATE, name) for name in ("plastic", "core-late")]
    changes = [
        (f"{when}: {BLOCKS[name].words}", name, change(results, name, stages))
        for when, stages, name in rows
    ]
    tests = sorted(shares_of("plastic", "late").items(), key=lambda test: test[1])
    by_share = {
        100 * share: at(results, "plastic", "p_better", "late", test)
        for test, share in tests
    }
    return {"plasticity": draw_plasticity(results, changes, pd.DataFrame(by_share))}


STUDY = Study(
    name="plasticity",
    question=(
        "Does learning across sessions need plasticity, and an expert's behaviour only "
        "activity?"
    ),
    source="Hattori et al. 2023, Nat Neurosci 26:2182",
    conditions=conditions,
    effects=effects,
    tables=tables,
    figures=figures,
    criteria=CRITERIA,
)
