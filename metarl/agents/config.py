"""What can be chosen about the agent: plain frozen data, free of torch."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from metarl.agents.learning.config import (
    CostsConfig,
    PerturbationConfig,
    ReplayConfig,
)
from metarl.core.checks import check_at_least, check_between, check_choice

CoreName = Literal["lstm", "gru", "rnn", "feedforward", "episodic"]
CriticName = Literal["shared", "separate"]
Feedback = Literal["reward", "rpe", "none"]
EncoderName = Literal["none", "patch", "stack"]
OptimizerName = Literal["rmsprop", "adam"]
Rule = Literal[
    "bptt",
    "bptt-random",
    "eprop",
    "eprop-random",
    "readout",
    "np",
    "wp",
    "d0",
    "d1",
    "d2",
    "es",
]
DERIVATIVE_FREE: tuple[Rule, ...] = ("wp", "d0", "d1", "d2", "es")
"""Rules that try out whole networks, and know nothing of what is in them."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A number that moves linearly from start to end over the run's first part."""

    start: float
    """Value at the run's start."""
    end: float
    """Value from `fraction` of the run on."""
    fraction: float = 1.0
    """Part of the run over which it moves, in (0, 1]."""

    def __post_init__(self) -> None:
        """Refuse a fraction outside (0, 1]."""
        check_between("fraction", self.fraction, 1e-9, 1)

    def at(self, progress: float) -> float:
        """The value when `progress` (in [0, 1]) of the run is done."""
        part = min(progress / self.fraction, 1.0)
        return self.start + (self.end - self.start) * part


def constant(value: float) -> Schedule:
    """A schedule that stays at one value."""
    return Schedule(start=value, end=value)


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The recurrent network; defaults follow Wang et al. 2018, Simulations 1-4."""

    core: CoreName = "lstm"
    """Kind of core: LSTM, LSTM with an episodic memory, gated recurrent unit, vanilla
    tanh network, or feedforward, which has no memory but its last action and reward."""
    units: int = 48
    """Units of a core, at least 1."""
    leak: float = 1.0
    """Part of a vanilla core's activity that is new at each step, in (0, 1]; the rest
    stays as it was. 1: none stays."""
    onset_input: int = 0
    """Place in the observation of the flag that tells the episodic core, by a number
    above 0.5, that a problem begins; the first entry is 0."""
    context_first: int = 1
    """Place in the observation of the first entry of the episodic core's context."""
    context_size: int = 0
    """Entries of the context, at least 1 where the core is episodic."""
    store_size: int = 8
    """Contexts that an episodic core can keep in mind at once, at least 1."""
    reinstatement: bool = True
    """Whether an episodic core is reminded of what it stored; else it is an LSTM that
    is cleared at each problem."""
    critic: CriticName = "shared"
    """Whether policy and value read one core, or each has its own."""
    feedback: Feedback = "reward"
    """What tells the policy how its last action did: the reward; the prediction error
    of a separate critic, which itself is told the reward; or nothing."""
    action_input: bool = True
    """Whether the last action is among the inputs."""
    learned_initial_state: bool = True
    """Whether the state before an episode's first step is learned; else zeros."""
    input_gain: float = 1.0
    """Initial input weights are uniform within input_gain / sqrt(units), > 0."""
    forget_bias: float = 0.0
    """Initial bias of the LSTM's forget gate."""
    head_deviation: float = 0.1
    """Standard deviation of the policy's and the value's initial weights, >= 0."""
    group_fan_in: bool = False
    """Whether initial weights of what is seen, the last action and the last reward are
    uniform within sqrt(3 / size), each by its own size; `input_gain` is then unused."""
    encoder: EncoderName = "none"
    """What reads pixels: one layer of filters as large as a picture, or a stack of two
    convolutions and a full layer; none where a task shows no pixels."""
    filters: int = 16
    """Filters of the patch encoder, at least 1."""
    patch_size: int = 8
    """Width of the patch encoder's filters in pixels, at least 1."""
    patch_stride: int = 2
    """Pixels between the patch encoder's filters, at least 1."""
    features: int = 64
    """Units of the stack encoder's last layer, at least 1."""

    def __post_init__(self) -> None:
        """Refuse an unknown core and impossible sizes."""
        check_choice("core", self.core, get_args(CoreName))
        check_choice("critic", self.critic, get_args(CriticName))
        check_choice("feedback", self.feedback, get_args(Feedback))
        if self.feedback == "rpe" and self.critic != "separate":
            raise ValueError(
                "critic must be separate where feedback is rpe, got 'shared': an error "
                "that depends on a value cannot be an input of that value"
            )
        check_choice("encoder", self.encoder, get_args(EncoderName))
        if self.encoder != "none" and self.critic != "shared":
            raise ValueError(
                "critic must be shared where there is an encoder, got "
                f"{self.critic!r}: both would have to see"
            )
        for name in ("units", "filters", "patch_size", "patch_stride", "features"):
            check_at_least(name, getattr(self, name), 1)
        self._check_episodic()
        check_between("leak", self.leak, 1e-9, 1)
        if self.leak != 1 and self.core != "rnn":
            raise ValueError(
                f"leak must be 1 where the core is {self.core}, got {self.leak!r}; "
                "only the rnn core has one"
            )
        check_at_least("input_gain", self.input_gain, 1e-9)
        check_at_least("head_deviation", self.head_deviation, 0)

    def _check_episodic(self) -> None:
        """Refuse an episodic core that cannot know its context."""
        check_at_least("onset_input", self.onset_input, 0)
        check_at_least("context_first", self.context_first, 0)
        check_at_least("store_size", self.store_size, 1)
        episodic = self.core == "episodic"
        check_at_least("context_size", self.context_size, int(episodic))
        if episodic and self.encoder != "none":
            raise ValueError(
                f"encoder must be none where the core is episodic, got {self.encoder!r}"
                ": its context is read from the observation"
            )

    def check_context(self, seen: int) -> None:
        """Raise ValueError unless flag and context are among so many entries seen."""
        stop = max(self.onset_input + 1, self.context_first + self.context_size)
        if self.core == "episodic" and stop > seen:
            raise ValueError(
                "onset_input and context_first + context_size must be within the "
                f"task's observation of {seen} entries, got {self.onset_input} and "
                f"{self.context_first} + {self.context_size}"
            )


@dataclass(frozen=True, kw_only=True)
class A2CConfig:
    """Advantage actor-critic; defaults follow Wang et al. 2018.

    Declared: where the paper is silent, RMSProp's decay and epsilon, no gradient
    clipping, a constant learning rate, and the loss as a mean over steps and lanes.
    """

    learning_rate: Schedule = Schedule(start=7e-4, end=7e-4)
    """Step size of the optimizer, >= 0."""
    discount: Schedule = Schedule(start=0.9, end=0.9)
    """Discount per step (gamma), in [0, 1)."""
    trace_decay: float = 1.0
    """Weight of later prediction errors per step (lambda), in [0, 1]; 1: n-step."""
    value_weight: float = 0.05
    """Weight of the value's gradient beside the policy's (beta_v), >= 0."""
    entropy_weight: Schedule = Schedule(start=0.05, end=0.05)
    """Weight of the policy's entropy (beta_e), >= 0."""
    optimizer: OptimizerName = "rmsprop"
    """RMSProp as in the paper, or Adam."""
    decay: float = 0.99
    """RMSProp's memory of squared gradients per update, in [0, 1)."""
    epsilon: float = 1e-5
    """Added to the root of the squared gradients, > 0."""
    gradient_clip: float | None = None
    """Largest norm of the whole gradient, > 0; None leaves it as it is."""
    normalize_advantages: bool = False
    """Whether advantages are centred and scaled to unit deviation at each update."""
    rule: Rule = "bptt"
    """How prediction errors train the weights; metarl/agents/learning/rules.py says
    what each rule knows and needs."""
    noise: float = 0.3
    """Deviation of the noise on the units' drive by which node perturbation (np)
    explores, > 0; other rules have none."""
    costs: CostsConfig = field(default_factory=CostsConfig)
    """What core and readers learn from."""
    perturbation: PerturbationConfig = field(default_factory=PerturbationConfig)
    """How wp, d0, d1, d2 and es try out weights."""
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    """Episodes lived through again between fresh ones."""

    def __post_init__(self) -> None:
        """Refuse what cannot learn."""
        check_choice("rule", self.rule, get_args(Rule))
        check_at_least("noise", self.noise, 1e-12)
        if not self.costs.plain and self.rule in ("np", "readout", *DERIVATIVE_FREE):
            raise ValueError(
                f"rule must be one that sends errors to the core where costs are by "
                f"area, got {self.rule!r}"
            )
        unkept = self.rule in ("np", *DERIVATIVE_FREE) or not self.costs.plain
        if self.replay.mode != "none" and unkept:
            raise ValueError(
                f"replay.mode must be none where the rule is {self.rule} or costs are "
                f"by area, got {self.replay.mode!r}: what these need is not kept"
            )
        check_choice("optimizer", self.optimizer, get_args(OptimizerName))
        for end in ("start", "end"):
            for name in ("learning_rate", "entropy_weight"):
                check_at_least(f"{name}.{end}", getattr(getattr(self, name), end), 0)
            discount = getattr(self.discount, end)
            check_between(f"discount.{end}", discount, 0, 1 - 1e-9)
        check_between("trace_decay", self.trace_decay, 0, 1)
        check_at_least("value_weight", self.value_weight, 0)
        check_between("decay", self.decay, 0, 1 - 1e-9)
        check_at_least("epsilon", self.epsilon, 1e-30)
        if self.gradient_clip is not None:
            check_at_least("gradient_clip", self.gradient_clip, 1e-30)
