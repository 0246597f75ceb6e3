"""How each experiment is tested: the frozen evaluations, and what stands beside them.

A protocol reads like a paper's Methods. Its conditions are tests of the same frozen
networks: `test` is the main one, the others differ from it in a setting of the task or
in what an experimenter does to the network. Its controls are populations of networks
that were trained otherwise, and are tested alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from metarl.core.checks import check_choice
from metarl.runs.config import TEST, EvaluationConfig, RunConfig, with_settings


@dataclass(frozen=True, kw_only=True)
class Control:
    """A population that was trained otherwise."""

    why: str
    """What it shows, in words."""
    settings: tuple[str, ...] = ()
    """The task's parameters that differ, each as NAME=VALUE."""
    network: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the network's configuration that differ."""
    longer: float = 1.0
    """Times as many updates, above 0."""
    conditions: tuple[str, ...] = (TEST,)
    """The tests that it takes."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The tests of one task's networks."""

    conditions: Mapping[str, EvaluationConfig] = field(
        default_factory=lambda: {TEST: EvaluationConfig()}
    )
    """Name -> test; `test` is the main one, which the strategies take too."""
    controls: Mapping[str, Control] = field(default_factory=dict)
    """Name -> population that was trained otherwise."""
    stages: EvaluationConfig | None = None
    """A test that every snapshot takes, to show how learning went; None: none does."""

    @property
    def test(self) -> EvaluationConfig:
        """The main test."""
        return self.conditions[TEST]


TIED = ("correlated", "easy", "medium", "hard")
"""Bandits whose two arms' chances of reward add up to 1."""
DISTRIBUTIONS = ("independent", *TIED)
"""Bandits to be tested on, whichever was trained on."""

_BANDIT = EvaluationConfig(episodes=20_000, record_episodes=0, shared_problems=True)

BANDIT = Protocol(
    conditions={
        TEST: _BANDIT,
        **{
            name: replace(
                _BANDIT,
                episodes=2_000,
                record_episodes=300 if name == "correlated" else 0,
                record_untrained=name == "correlated",
                settings=(f"distribution={name}",),
            )
            for name in DISTRIBUTIONS
        },
    },
    controls={
        **{
            name: Control(
                why=f"trained on {name} arms",
                settings=(f"distribution={name}",),
                conditions=(TEST, *DISTRIBUTIONS),
            )
            for name in TIED
        },
        "no-reward": Control(
            why="is not told what its actions earn", network={"feedback": "none"}
        ),
        "no-action": Control(
            why="is not told what it did", network={"action_input": False}
        ),
        "no-memory": Control(
            why="knows only its last action and reward",
            network={"core": "feedforward"},
        ),
    },
)
"""Wang et al. 2016 has 300 test episodes; with more, subjects can be told apart."""

MATCHING = Protocol(
    conditions={
        TEST: EvaluationConfig(
            episodes=500,
            record_episodes=100,
            settings=("held_out=True",),
            record_untrained=True,
        )
    }
)
"""500 frozen episodes, on probabilities that training held out too."""

VOLATILITY = Protocol(
    conditions={
        TEST: EvaluationConfig(
            episodes=400,
            record_episodes=100,
            settings=("schedule=blocks",),
            record_untrained=True,
        ),
        "generator": EvaluationConfig(
            episodes=100, record_episodes=100, record_untrained=True
        ),
    },
    controls={
        "constant": Control(
            why="trained where volatility never changes",
            settings=("schedule=constant",),
        )
    },
)
"""400 frozen episodes of stable and volatile blocks, in both orders."""

INFERRED_VALUE = Protocol(
    conditions={
        TEST: EvaluationConfig(
            episodes=120, record_episodes=120, record_untrained=True
        ),
        "block-reset": EvaluationConfig(
            episodes=120,
            record_episodes=120,
            interventions=("memory reset when event == 'fixation' and trial % 5 == 0",),
        ),
    }
)
"""1,200 frozen blocks of five trials."""

REVERSAL = Protocol(conditions={TEST: EvaluationConfig(episodes=500)})
"""500 frozen superblocks of 80 trials."""

_RISKY = EvaluationConfig(episodes=1_333, record_episodes=100)
_STIMULI = {
    "risky-win": ("risky == 1 and won == 1", -4),
    "safe": ("risky == 0", -1),
    "risky-loss": ("risky == 1 and won == 0", 1),
}
"""Event -> its condition, and what the paper sets the prediction error to."""
DOSES = {
    "risky-win": (-4, -2, -1, 0, 1, 2),
    "safe": (-2, -1, -0.5, 0, 0.5, 1),
    "risky-loss": (-2, -1, 0, 1, 2, 4),
}
"""Event -> amounts of its dose-response curve."""


def _risky(when: str, amount: float, episodes: int) -> EvaluationConfig:
    interventions = (f"rpe set {amount:g} when {when}",)
    return replace(
        _RISKY, episodes=episodes, record_episodes=0, interventions=interventions
    )


RISKY_CHOICE = Protocol(
    conditions={
        TEST: _RISKY,
        **{
            f"block-{name}{'-free' if free else ''}": _risky(
                f"{when} and forced == 0" if free else when, amount, 1_333
            )
            for free in (False, True)
            for name, (when, amount) in _STIMULI.items()
        },
        **{
            f"dose-{name}={amount:g}": _risky(_STIMULI[name][0], amount, 500)
            for name, amounts in DOSES.items()
            for amount in amounts
        },
    },
    controls={
        "no-rpe": Control(
            why="its actor is told nothing of what its choices earn",
            network={"feedback": "none"},
        )
    },
)
"""1,333 frozen episodes a condition, on the same random numbers in all of them.

Declared: the stimulation is on forced and free trials; twins are on free trials only.
"""

_NEW = ("held_out=True", "new_distractor=0.0")
"""Things that training never showed, the same two in all trials of a problem."""
_CHANGING = ("held_out=True", "new_distractor=1.0")
"""The same, with a new unrewarded thing on each trial: the paper's control."""
_LEARNING_SET = EvaluationConfig(
    episodes=4_500, record_episodes=300, settings=_NEW, record_untrained=True
)


def _learning_set(**further: tuple[str, ...]) -> Protocol:
    """Frozen problems with new things; how they are solved, and by which memory.

    Args:
        further: name -> settings of one more test.
    """
    once = replace(
        _LEARNING_SET, episodes=1_000, record_episodes=0, record_untrained=False
    )
    return Protocol(
        conditions={
            TEST: _LEARNING_SET,
            "new-distractor": replace(_LEARNING_SET, settings=_CHANGING),
            "trial-reset": replace(once, reset_memory="trial"),
            "reversal": replace(
                once, settings=(*_NEW, "trial_count=12", "reversal_after=6")
            ),
            "held-in": replace(once, settings=("held_out=False", _NEW[1])),
            **{name: replace(once, settings=each) for name, each in further.items()},
        },
        controls={
            "replaced": Control(
                why="trained with a new unrewarded thing on each trial",
                settings=("new_distractor=1.0",),
                longer=5 / 3,
                conditions=(TEST, "new-distractor", "trial-reset", "reversal"),
            )
        },
        stages=replace(once, episodes=300),
    )


LEARNING_SET = _learning_set()
"""4,500 second trials; Declared: numbers of episodes, the paper gives none."""
HARLOW = _learning_set(equalized=(*_NEW, "equalized=True"))
"""The same with pictures, also with those of one mean colour."""

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "bandit": BANDIT,
        "informative-arm": Protocol(
            conditions={TEST: EvaluationConfig(episodes=1_000, shared_problems=True)}
        ),
        "restless-bandit": Protocol(
            conditions={TEST: EvaluationConfig(episodes=1_000, shared_problems=True)}
        ),
        "matching": MATCHING,
        "volatility": VOLATILITY,
        "inferred-value": INFERRED_VALUE,
        "reversal": REVERSAL,
        "risky-choice": RISKY_CHOICE,
        "harlow-line": LEARNING_SET,
        "harlow": HARLOW,
    }
)
"""Protocols by task; a task without one has the plain test alone."""


def protocol(task: str) -> Protocol:
    """The protocol of a task, in the catalogue or of your own."""
    return PROTOCOLS.get(task, Protocol())


def chosen_conditions(
    task: str, names: tuple[str, ...] | None
) -> Mapping[str, EvaluationConfig]:
    """The tests of these names; all of the protocol where None."""
    there = protocol(task).conditions
    for name in names or ():
        check_choice("condition", name, there)
    return there if names is None else {name: there[name] for name in names}


def control_config(config: RunConfig[Any], control: Control) -> RunConfig[Any]:
    """The configuration of a population that is trained otherwise, else the same."""
    return replace(
        config,
        task_params=with_settings(config.task_params, control.settings),
        network=replace(config.network, **control.network),
        training=replace(
            config.training, updates=round(config.training.updates * control.longer)
        ),
    )
