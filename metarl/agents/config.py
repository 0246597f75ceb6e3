"""Settings of the network and of its learning: plain frozen data, free of torch."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from metarl.agents.learning.config import (
    CostsConfig,
    PerturbationConfig,
    ReplayConfig,
)
from metarl.core.checks import check_at_least, check_between
from metarl.core.fields import Applies, Range, check_fields, check_type

CoreName = Literal["lstm", "stacked-lstm", "gru", "rnn", "feedforward", "episodic"]
CriticName = Literal["shared", "separate"]
Feedback = Literal["reward", "rpe", "none"]
EncoderName = Literal["none", "patch", "stack"]
OptimizerName = Literal["rmsprop", "adam", "rmsprop-tf"]
Reduction = Literal["mean", "sum"]
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
"""Names of the learning rules; metarl/agents/learning/rules.py describes each."""

Size = Annotated[
    int, Range(1, 10_000, why="the weights between so many units fill the memory")
]
"""Number of units of a part of a network."""
Width = Annotated[int, Range(1, 1000, why="images have fewer pixels on a side")]
"""Number of pixels."""
ByEpisodicCore = Applies("core", ("episodic",))
"""Of the episodic core."""
ByPatch = Applies("encoder", ("patch",))
"""Of the patch encoder."""
Index = Annotated[
    int, Range(0, 100_000, why="no task has an observation of so many entries")
]
"""Index in an observation."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A value that changes linearly over the first part of a run, then stays."""

    start: float
    """Value at the run's start."""
    end: float
    """Value from `fraction` of the run on."""
    fraction: float = 1.0
    """Part of the run over which it changes, in (0, 1]."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        # Start and end are checked by the owner of the schedule, with its name.
        check_type("fraction", self.fraction, float)
        check_between("fraction", self.fraction, 1e-9, 1)

    def at(self, progress: float) -> float:
        """Value at `progress`, the part of the run that is done, in [0, 1]."""
        part = min(progress / self.fraction, 1.0)
        return self.start + (self.end - self.start) * part


def constant(value: float) -> Schedule:
    """Schedule with the same value throughout the run."""
    return Schedule(start=value, end=value)


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Recurrent network; defaults follow Wang et al. 2018, Simulations 1-4."""

    core: CoreName = "lstm"
    """Kind of core: LSTM, two LSTMs of which the second reads the first, LSTM with an
    episodic memory, gated recurrent unit, vanilla tanh network, or feedforward, without
    memory except its last action and reward."""
    units: Size = 48
    """Number of units of a core, at least 1."""
    first_units: Annotated[Size, Applies("core", ("stacked-lstm",))] = 64
    """Number of units of the first LSTM of a stacked core, at least 1; `units` are
    those of the second."""
    leak: Annotated[float, Applies("core", ("rnn",))] = 1.0
    """Part of a vanilla core's activity that is replaced at each step, in (0, 1]; the
    rest is carried over. 1: nothing is carried over."""
    onset_input: Annotated[Index, ByEpisodicCore] = 0
    """Index in the observation, from 0, of the flag that signals the start of a problem
    to the episodic core by a value above 0.5."""
    context_first: Annotated[Index, ByEpisodicCore] = 1
    """Index in the observation of the first entry of the episodic core's context."""
    context_size: Annotated[Index, ByEpisodicCore] = 0
    """Number of entries of the context, at least 1 if the core is episodic."""
    store_size: Annotated[Size, ByEpisodicCore] = 8
    """Number of contexts that an episodic core can store, at least 1."""
    reinstatement: Annotated[bool, ByEpisodicCore] = True
    """Whether an episodic core retrieves its stored cells; if not, it is an LSTM with
    its memory cleared at the start of each problem."""
    critic: CriticName = "shared"
    """Whether policy and value share one core, or each has its own."""
    feedback: Feedback = "reward"
    """Feedback input of the policy: the last reward; the reward prediction error of a
    separate critic, which receives the reward itself; or none."""
    action_input: bool = True
    """Whether the last action is among the inputs."""
    learned_initial_state: bool = True
    """Whether the state before an episode's first step is learned; if not, zeros."""
    input_gain: Annotated[float, Applies("group_fan_in", (False,))] = 1.0
    """Initial input weights are uniform within input_gain / sqrt(units), > 0."""
    forget_bias: Annotated[float, Applies("core", ("lstm", "stacked-lstm"))] = 0.0
    """Initial bias of the LSTM's forget gate."""
    head_deviation: float = 0.1
    """Standard deviation of the initial weights of policy and value, >= 0."""
    group_fan_in: bool = False
    """Whether the initial weights of observation, last action and last reward are
    uniform within sqrt(3 / size) of each; `input_gain` is then unused."""
    encoder: EncoderName = "none"
    """Encoder of pixels: patch, one layer of filters as large as a picture; stack, two
    convolutions and a fully connected layer; none for a task without pixels."""
    filters: Annotated[Size, ByPatch] = 16
    """Number of filters of the patch encoder, at least 1."""
    patch_size: Annotated[Width, ByPatch] = 8
    """Width of the filters of the patch encoder, in pixels, at least 1."""
    patch_stride: Annotated[Width, ByPatch] = 2
    """Stride of the patch encoder, in pixels, at least 1."""
    features: Annotated[Size, Applies("encoder", ("stack",))] = 64
    """Number of units of the last layer of the stack encoder, at least 1."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        if self.feedback == "rpe" and self.critic != "separate":
            raise ValueError(
                "critic must be separate where feedback is rpe, got 'shared': an error "
                "that depends on a value cannot be an input of that value"
            )
        if self.encoder != "none" and self.critic != "shared":
            raise ValueError(
                "critic must be shared where there is an encoder, got "
                f"{self.critic!r}: only a shared core can be given an encoder"
            )
        self._check_episodic()
        check_between("leak", self.leak, 1e-9, 1)
        if self.leak != 1 and self.core != "rnn":
            raise ValueError(
                f"leak must be 1 where the core is {self.core}, got {self.leak!r}; "
                "only the rnn core has a leak"
            )
        check_at_least("input_gain", self.input_gain, 1e-9)
        check_at_least("head_deviation", self.head_deviation, 0)

    def _check_episodic(self) -> None:
        """Validate the fields of the episodic core."""
        episodic = self.core == "episodic"
        check_at_least("context_size", self.context_size, int(episodic))
        if episodic and self.encoder != "none":
            raise ValueError(
                f"encoder must be none where the core is episodic, got {self.encoder!r}"
                ": its context is read from the observation"
            )

    def check_context(self, observation_size: int) -> None:
        """Raise ValueError unless flag and context are within the observation."""
        stop = max(self.onset_input + 1, self.context_first + self.context_size)
        if self.core == "episodic" and stop > observation_size:
            raise ValueError(
                "onset_input and context_first + context_size must be within the "
                f"task's observation of {observation_size} entries, got "
                f"{self.onset_input} and {self.context_first} + {self.context_size}"
            )


@dataclass(frozen=True, kw_only=True)
class A2CConfig:
    """Advantage actor-critic; defaults follow Wang et al. 2018.

    Declared: where the paper is silent, RMSProp's decay and epsilon, no gradient
    clipping, a constant learning rate, and the loss as a mean over steps and
    environments.
    """

    learning_rate: Schedule = Schedule(start=7e-4, end=7e-4)
    """Learning rate of the optimizer, >= 0."""
    discount: Schedule = Schedule(start=0.9, end=0.9)
    """Discount per step (gamma), in [0, 1)."""
    trace_decay: float = 1.0
    """Decay per step of later prediction errors (lambda), in [0, 1]; 1: n-step."""
    value_weight: float = 0.05
    """Weight of the value loss relative to the policy loss (beta_v), >= 0."""
    entropy_weight: Schedule = Schedule(start=0.05, end=0.05)
    """Weight of the entropy of the policy (beta_e), >= 0."""
    optimizer: OptimizerName = "rmsprop"
    """RMSProp as in the paper, Adam, or RMSProp as in TensorFlow 1: epsilon is added
    inside the root, and the mean of squared gradients starts at 1."""
    decay: float = 0.99
    """Decay per update of RMSProp's mean of squared gradients, in [0, 1)."""
    epsilon: float = 1e-5
    """Constant added to the root of the mean of squared gradients, > 0."""
    reduction: Reduction = "mean"
    """Whether the loss is the mean over the steps and environments of an unroll, or
    their sum, as in programs of the time."""
    gradient_clip: float | None = None
    """Maximum norm of the whole gradient, > 0; None: no clipping."""
    normalize_advantages: bool = False
    """Whether advantages are standardised at each update."""
    rule: Rule = "bptt"
    """Learning rule; metarl/agents/learning/rules.py describes each and its
    requirements."""
    noise: Annotated[float, Applies("rule", ("np",))] = 0.3
    """Standard deviation of the noise that node perturbation (np) adds to the summed
    input of each unit, > 0; unused by other rules."""
    costs: CostsConfig = field(default_factory=CostsConfig)
    """Costs of the core and of the readouts."""
    perturbation: Annotated[
        PerturbationConfig, Applies("rule", ("wp", "d0", "d1", "d2", "es"))
    ] = field(default_factory=PerturbationConfig)
    """How wp, d0, d1, d2 and es perturb the weights."""
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    """Replay of stored episodes between new ones."""

    def __post_init__(self) -> None:
        """Validate the fields; `LearningRule.check` validates their combination."""
        check_fields(self)
        check_at_least("noise", self.noise, 1e-12)
        for end in ("start", "end"):
            for name in ("learning_rate", "entropy_weight", "discount"):
                value = getattr(getattr(self, name), end)
                check_type(f"{name}.{end}", value, float)
                check_at_least(f"{name}.{end}", value, 0)
            discount = getattr(self.discount, end)
            check_between(f"discount.{end}", discount, 0, 1 - 1e-9)
        check_between("trace_decay", self.trace_decay, 0, 1)
        check_at_least("value_weight", self.value_weight, 0)
        check_between("decay", self.decay, 0, 1 - 1e-9)
        check_at_least("epsilon", self.epsilon, 1e-30)
        if self.gradient_clip is not None:
            check_at_least("gradient_clip", self.gradient_clip, 1e-30)
