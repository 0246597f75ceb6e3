"""What can be chosen about the agent: plain frozen data, free of torch."""

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from metarl.checks import check_at_least, check_between, check_choice

CoreName = Literal["lstm", "gru", "rnn", "feedforward", "episodic"]
CriticName = Literal["shared", "separate"]
Feedback = Literal["reward", "rpe", "none"]
EncoderName = Literal["none", "patch", "stack"]
PrefrontalCost = Literal["rl", "reward", "observation"]
Likelihood = Literal["normal", "bernoulli"]
OptimizerName = Literal["rmsprop", "adam"]
ReplayMode = Literal["none", "naive", "uniform", "prioritised", "clear", "sil"]
BufferKind = Literal["ring", "reservoir"]
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
Objective = Literal["fitness", "variance", "entropy"]
Distribution = Literal["normal", "paired"]
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
class CostsConfig:
    """What each of two areas learns from, and when; metarl/agents/areas.py explains."""

    pfc: tuple[PrefrontalCost, ...] = ("rl",)
    """Costs of the core: rl, what comes back from policy and value; reward or
    observation, predicting what follows. Without rl no error of policy and value
    reaches the core."""
    likelihood: Likelihood = "normal"
    """What a reward is, given the expected one: normal of variance 1, whatever a task
    pays; or Bernoulli, where it pays 0 or 1 and nothing else."""
    prediction_weight: float = 1.0
    """Weight of each prediction's cost beside reinforcement's, >= 0."""
    schedule: tuple[str, ...] = ()
    """When costs are on, as COST:FIRST-LAST in updates, LAST left out for the end:
    'reward:0-300' 'rl:300-'. A cost that is not named is always on."""

    def __post_init__(self) -> None:
        """Refuse costs that there are not, and times that are none."""
        for cost in self.pfc:
            check_choice("costs.pfc", cost, get_args(PrefrontalCost))
        if len(set(self.pfc)) < len(self.pfc):
            raise ValueError(f"costs.pfc must be different ones, got {self.pfc!r}")
        check_choice("costs.likelihood", self.likelihood, get_args(Likelihood))
        check_at_least("costs.prediction_weight", self.prediction_weight, 0)
        for words in self.schedule:
            self._check_times(words)

    def _check_times(self, words: str) -> None:
        """Refuse times of a cost that nobody has, and times that never come."""
        cost, first, after = self._times(words)
        # The readers of policy and value learn by reinforcement whatever the core does.
        if cost not in ("rl", *self.pfc):
            raise ValueError(
                f"costs.schedule must be of rl or of costs.pfc, {self.pfc!r}, got "
                f"{words!r}; add {cost} to costs.pfc or leave its times out"
            )
        if after <= first:
            raise ValueError(
                f"costs.schedule must have LAST greater than FIRST, got {words!r}: "
                "LAST is the first update without the cost"
            )

    @staticmethod
    def _times(words: str) -> tuple[str, int, float]:
        """Cost, first update, and the first after the last."""
        found = re.fullmatch(r"(rl|reward|observation):(\d+)-(\d*)", words)
        if not found:
            raise ValueError(
                "costs.schedule must be COST:FIRST-LAST with rl, reward or "
                f"observation, such as reward:0-300; got {words!r}"
            )
        return found[1], int(found[2]), float(found[3] or "inf")

    def on(self, cost: str, update: int) -> bool:
        """Whether a cost is on at an update, counted from 0."""
        times = [self._times(words) for words in self.schedule]
        own = [(first, after) for name, first, after in times if name == cost]
        return not own or any(first <= update < after for first, after in own)

    @property
    def plain(self) -> bool:
        """Whether there is but one cost, always, from end to end."""
        return self == CostsConfig()


@dataclass(frozen=True, kw_only=True)
class PerturbationConfig:
    """How rules without a derivative try out weights.

    The lanes of training are divided among the networks that are tried, two at an
    update, or under es as many as there are members.
    """

    size: float = 0.1
    """Deviation of what is added to each weight, > 0."""
    members: int = 64
    """Networks of a generation, under es, at least 2."""
    distribution: Distribution = "paired"
    """Whether es draws a generation's members independently (normal), or each with its
    mirror image (paired)."""
    objective: Objective = "fitness"
    """What es evolves: members that earn much (fitness), or that do different things
    (variance or entropy of behaviour, the shares of their actions)."""
    same_episodes: int = 10
    """Updates in a row that meet the same episodes under d2, which judges its steps by
    them, at least 2; other rules meet fresh ones at every update."""

    def __post_init__(self) -> None:
        """Refuse a generation in which nothing differs."""
        check_at_least("size", self.size, 1e-12)
        check_at_least("members", self.members, 2)
        check_at_least("same_episodes", self.same_episodes, 2)
        check_choice("distribution", self.distribution, get_args(Distribution))
        check_choice("objective", self.objective, get_args(Objective))
        if self.distribution == "paired" and self.members % 2:
            raise ValueError(
                f"members must be even where they are paired, got {self.members!r}; "
                "choose the distribution normal"
            )


@dataclass(frozen=True, kw_only=True)
class ReplayConfig:
    """Whole episodes kept and lived through again between fresh ones.

    naive        As if they were fresh: nothing corrects for the policy that acted.
    uniform      Corrected by V-trace; all kept episodes are equally likely.
    prioritised  Corrected by V-trace; those that would teach more come more often.
    clear        uniform, and the network is held to what it did and expected then.
    sil          Only what went better than is expected now teaches.

    Sources: Espeholt et al. 2018, ICML (V-trace); Schaul et al. 2016, ICLR; Rolnick et
    al. 2019, NeurIPS (CLEAR); Oh et al. 2018, ICML (self-imitation).
    """

    mode: ReplayMode = "none"
    """What is replayed and how it teaches; none: nothing is kept."""
    ratio: int = 4
    """Replayed updates per fresh one, each of as many episodes, at least 1."""
    episodes: int = 4000
    """Episodes that are kept, at least 1."""
    buffer: BufferKind = "ring"
    """What is kept: ring, the latest; reservoir, an equal sample of all ever seen, as
    CLEAR has it."""
    largest_ratio: float = 1.0
    """Bound of V-trace's importance ratio in an error (rho bar), > 0."""
    largest_trace: float = 1.0
    """Bound of V-trace's ratio that hands errors back in time (c bar), > 0."""
    priority_exponent: float = 0.6
    """How much priority decides where it does; 0: not at all."""
    importance_exponent: float = 0.4
    """How much of the bias of priority is taken back by weights, in [0, 1]."""
    clone_policy: float = 0.01
    """CLEAR's weight of the divergence from the policy that acted, >= 0."""
    clone_value: float = 0.005
    """CLEAR's weight of the squared distance from the value then, >= 0."""

    def __post_init__(self) -> None:
        """Refuse an unknown mode and impossible sizes."""
        check_choice("mode", self.mode, get_args(ReplayMode))
        check_choice("buffer", self.buffer, get_args(BufferKind))
        for name in ("ratio", "episodes"):
            check_at_least(name, getattr(self, name), 1)
        for name in ("largest_ratio", "largest_trace"):
            check_at_least(name, getattr(self, name), 1e-9)
        check_at_least("priority_exponent", self.priority_exponent, 0)
        check_between("importance_exponent", self.importance_exponent, 0, 1)
        for name in ("clone_policy", "clone_value"):
            check_at_least(name, getattr(self, name), 0)


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
    """How prediction errors train the weights; metarl/agents/rules.py says what each
    rule knows and needs."""
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
