"""A user's own experiment, in one module: task, baselines, question and answer.

Imported by name ("own_experiment:EXPERIMENT"), as a user's is.
"""

from dataclasses import dataclass

import torch

from metarl.analysis.analysis import Analysis, Panel
from metarl.analysis.criteria import Criteria, Criterion
from metarl.analysis.effects import Effect
from metarl.analysis.measures import Measure, by_group, select_group, subject_values
from metarl.analysis.schema import BASE_SCHEMA, codes
from metarl.analysis.trials import trial_sequence
from metarl.core.interventions import Intervention
from metarl.core.policy import PolicyOutput
from metarl.envs.bandit import Bandit, BanditParams
from metarl.experiments.shared_presets import SMOKE
from metarl.experiments.spec import Experiment, Variant
from metarl.runs.config import TEST, EvaluationConfig


@dataclass(frozen=True, kw_only=True)
class CoinsParams(BanditParams):
    """What the experimenter sets."""

    trial_count: int = 6
    distribution: str = "easy"


class Coins(Bandit):
    """Two coins, one of which pays more often.

    Observation: as of the bandit.
    Declared: six tosses.
    """

    params_type = CoinsParams


class Chooser:
    """Chooses with the same log-probabilities on every toss."""

    def __init__(self, *logits):
        self.logits = torch.tensor(logits)

    def initial_memory(self, num_envs):
        return ()

    def act(self, inputs, memory):
        count = len(inputs)
        values, units = torch.zeros(count), torch.zeros(count, 0)
        return PolicyOutput(self.logits.expand(count, 2), values, memory, units)


def make_baselines(task, discount=0.0):
    return {"random": Chooser(0.0, 0.0), "left": Chooser(0.0, -100.0)}


NAME = "own_experiment:EXPERIMENT"
SCHEMA = BASE_SCHEMA.extend("coins", correct=codes(0, 1, blank=True))


def read_trials(table):
    return trial_sequence(table, SCHEMA)


def correct_by_subject(trials):
    table = trials.key_table().assign(correct=trials["correct"])
    shares = table.groupby("subject")["correct"].mean()
    return shares.rename("probability").reset_index()


def measures(data, groups):
    correct = by_group(groups, correct_by_subject)
    return {"subjects": Measure(correct, "probability")}


def effects(tables, context):
    yield Effect(
        key="correct.mean",
        label="P(correct)",
        values=subject_values(select_group(tables["subjects"]), "probability"),
        criterion=context.criteria["correct"],
        needs_learning=False,
        chance=0.5,
    )


def plot_correct(tables, context, ax):
    summary = select_group(tables.summary("subjects"))
    ax.bar([0], summary["mean"])
    ax.set(ylabel="P(correct)")
    return ax


ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_trials,
    measures=measures,
    effects=effects,
    panels=(Panel("Correct tosses", plot_correct),),
    criteria={
        NAME: Criteria(rules={"correct": Criterion(low=0.0, why="A probability.")})
    },
)

EXPERIMENT = Experiment(
    env=Coins,
    baselines="own_experiment",
    analysis="own_experiment",
    summary="two coins, one of which pays more often",
    question="Is the better coin found?",
    source="an example, 2001",
    presets={"smoke": SMOKE, "tiny": SMOKE},
    tests={
        TEST: EvaluationConfig(episodes=5, record_episodes=2),
        "hard": EvaluationConfig(
            episodes=3, record_episodes=0, task={"distribution": "hard"}
        ),
        "silenced": EvaluationConfig(
            episodes=3,
            record_episodes=0,
            interventions=(
                Intervention(target="units", operation="scale", amount=0.0),
            ),
        ),
    },
    variants={
        "uniform": Variant(
            why="trained on any coins",
            task={"distribution": "independent"},
            tests=(TEST, "hard"),
        )
    },
    notes="""
Declared: no network was published on coins.
""",
)
