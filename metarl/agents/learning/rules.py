"""Learning rules: the table of all rules, with their requirements and their builders.

A rule either follows prediction errors, step by step (`UnrollRule`), or evaluates whole
networks (`PopulationRule`). Everything that depends on the name of a rule is here.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from metarl.agents.config import A2CConfig, NetworkConfig, Rule
from metarl.agents.learning.a2c import Learner
from metarl.agents.learning.area_costs import AreaLearner, paths_by_area
from metarl.agents.learning.node_perturbation import NodePerturbation
from metarl.agents.learning.search import (
    EvolutionSearch,
    PerturbationSearch,
    WeightSearch,
)
from metarl.agents.learning.weight_perturbation import stored_numbers
from metarl.agents.networks.actor_critic import Network
from metarl.agents.networks.batched import TrainableWeights
from metarl.agents.unrolls.gradient_paths import GradientPaths
from metarl.agents.unrolls.network import Unroll, make_unroll
from metarl.core.interventions import Intervention


@runtime_checkable  # like the next, for the checks that the tests switch on
class TrainingSettings(Protocol):
    """Settings of the training that a rule may restrict."""

    @property
    def num_envs(self) -> int:
        """Number of environments."""
        ...

    @property
    def interventions(self) -> tuple[Intervention, ...]:
        """Interventions during training."""
        ...

    @property
    def reset_memory(self) -> str:
        """Time at which the memory is cleared: episode or trial."""
        ...


@runtime_checkable
class RuleConfig(Protocol):
    """Configuration that a rule checks, such as a `RunConfig`."""

    @property
    def network(self) -> NetworkConfig:
        """Settings of the network."""
        ...

    @property
    def learning(self) -> A2CConfig:
        """Settings of the learning rule."""
        ...

    @property
    def training(self) -> TrainingSettings:
        """Settings of the training."""
        ...


@dataclass(frozen=True, kw_only=True)
class LearningRule(ABC):
    """Name, source and requirements of a rule."""

    name: Rule
    """Name in `A2CConfig.rule`."""
    summary: str
    """Description in one or two sentences."""
    source: str
    """Publication."""
    trains_core_by_error: bool = True
    """Whether errors reach the core, so that it can have costs of its own."""
    supports_replay: bool = True
    """Whether a stored episode has all that the rule needs."""

    def check(self, config: RuleConfig) -> None:
        """Raise ValueError unless the configuration fits the rule; builds nothing."""
        self.check_learning(config.learning)
        self.check_network(config.network, config.learning)
        self.check_training(config)

    def sums(self, learning: A2CConfig) -> bool:
        """Whether the loss can be a sum over the steps of an unroll."""
        return False

    def check_learning(self, learning: A2CConfig) -> None:
        """Raise ValueError unless costs and replay fit the rule."""
        plain = learning.costs.plain
        if not plain and not self.trains_core_by_error:
            raise ValueError(
                f"rule must be one that sends errors to the core where costs are by "
                f"area, got {self.name!r}"
            )
        replays = learning.replay.mode != "none"
        if learning.reduction == "sum" and (replays or not self.sums(learning)):
            raise ValueError(
                f"reduction must be mean where the rule is {self.name}, costs are by "
                "area or episodes are replayed, got 'sum'"
            )
        if replays and not (plain and self.supports_replay):
            raise ValueError(
                f"replay.mode must be none where the rule is {self.name} or costs are "
                f"by area, got {learning.replay.mode!r}: stored episodes lack what "
                "these need"
            )

    @abstractmethod
    def check_network(self, network: NetworkConfig, learning: A2CConfig) -> None:
        """Raise ValueError unless the network fits the rule."""

    def check_training(self, config: RuleConfig) -> None:  # noqa: B027 most allow all
        """Raise ValueError unless the settings of the training fit the rule."""

    @abstractmethod
    def stored_floats(
        self, network: Network, learning: A2CConfig, *, steps: int, num_envs: int
    ) -> int:
        """Count the numbers stored in addition to the weights until an update.

        Args:
            network: trained network, with one core.
            learning: settings of the rule.
            steps: steps of an unroll.
            num_envs: number of environments.
        """


class UnrollRule(LearningRule):
    """Rule that learns from the prediction errors of each unroll."""

    def build(
        self,
        network: Network,
        learning: A2CConfig,
        *,
        steps: int,
        num_envs: int,
        generator: torch.Generator,
    ) -> tuple[Unroll, Learner]:
        """Create the unroll that steps a network, and the learner that updates it.

        Args:
            network: trained network.
            learning: settings of the rule.
            steps: steps of an unroll.
            num_envs: number of environments.
            generator: source of random feedback, of noise, and of initial readouts.

        Raises:
            ValueError: the rule does not fit the network or the settings.
        """
        self.check_learning(learning)
        self.check_network(network.config, learning)
        return self.make_learner(
            network, learning, steps=steps, num_envs=num_envs, generator=generator
        )

    @abstractmethod
    def make_learner(
        self,
        network: Network,
        learning: A2CConfig,
        *,
        steps: int,
        num_envs: int,
        generator: torch.Generator,
    ) -> tuple[Unroll, Learner]:
        """Create unroll and learner, as `build` does, without its checks."""


@dataclass(frozen=True, kw_only=True)
class GradientRule(UnrollRule):
    """Gradient descent along some of the paths of backpropagation through time."""

    local: bool = False
    """Whether errors stop at the recurrent weights."""
    random_feedback: bool = False
    """Whether errors reach the core through fixed random weights."""

    def sums(self, learning: A2CConfig) -> bool:
        """Whether the loss can be a sum: not with costs by area."""
        return learning.costs.plain

    def check_network(self, network: NetworkConfig, learning: A2CConfig) -> None:
        """Raise ValueError if random feedback or area costs meet a separate critic."""
        if self.random_feedback and network.critic != "shared":
            raise ValueError(
                f"critic must be shared where the rule is {self.name}, got "
                f"{network.critic!r}: the two cores would need feedback of their own"
            )
        one_plain_core = network.critic == "shared" and network.encoder == "none"
        if not learning.costs.plain and not one_plain_core:
            raise ValueError(
                "critic must be shared, and encoder none, where costs are by area; got "
                f"critic {network.critic!r} and encoder {network.encoder!r}"
            )

    def make_learner(
        self,
        network: Network,
        learning: A2CConfig,
        *,
        steps: int,
        num_envs: int,
        generator: torch.Generator,
    ) -> tuple[Unroll, Learner]:
        """Create unroll and learner."""
        # Feedback before readouts: the order of the draws is part of a run's seed.
        paths = self.gradient_paths(network, generator)
        if learning.costs.plain:
            unroll = make_unroll(network, steps, num_envs, paths)
            return unroll, Learner(network, learning)
        paths = paths_by_area(paths, learning.costs)
        unroll = make_unroll(network, steps, num_envs, paths)
        return unroll, AreaLearner(network, learning, unroll, generator)

    def gradient_paths(
        self, network: Network, generator: torch.Generator
    ) -> GradientPaths:
        """Return the paths of errors, random feedback drawn from the generator."""
        feedback = random_feedback(network, generator) if self.random_feedback else None
        return GradientPaths(local=self.local, feedback=feedback)

    def stored_floats(
        self, network: Network, learning: A2CConfig, *, steps: int, num_envs: int
    ) -> int:
        """Count a trace for each synapse, or the activity of each step if not local."""
        if self.local:
            return synaptic_traces(network, num_envs)
        rows, width = core_size(network)
        return num_envs * steps * (rows + width + network.config.units)


class ReadoutRule(GradientRule):
    """Gradient descent on policy and value alone."""

    def make_learner(
        self,
        network: Network,
        learning: A2CConfig,
        *,
        steps: int,
        num_envs: int,
        generator: torch.Generator,
    ) -> tuple[Unroll, Learner]:
        """Create unroll and learner; the core no longer requires a gradient."""
        for name, parameter in network.named_parameters():
            parameter.requires_grad_("heads" in name.split("."))
        return super().make_learner(
            network, learning, steps=steps, num_envs=num_envs, generator=generator
        )

    def stored_floats(
        self, network: Network, learning: A2CConfig, *, steps: int, num_envs: int
    ) -> int:
        """Count the activity of one step."""
        return num_envs * network.config.units


class NodePerturbationRule(UnrollRule):
    """Node perturbation of a vanilla core."""

    def check_network(self, network: NetworkConfig, learning: A2CConfig) -> None:
        """Raise ValueError unless policy and value share one vanilla core."""
        if network.critic != "shared" or network.encoder != "none":
            raise ValueError(
                f"critic must be shared, and encoder none, where the rule is "
                f"{self.name}; got critic {network.critic!r} and encoder "
                f"{network.encoder!r}"
            )
        if network.core != "rnn":
            raise ValueError(
                f"core must be rnn where the rule is {self.name}, got {network.core}"
            )

    def check_training(self, config: RuleConfig) -> None:
        """Raise ValueError if there are interventions during training."""
        if config.training.interventions:
            raise ValueError(
                f"interventions must be () where the rule is {self.name}, got "
                f"{[str(each) for each in config.training.interventions]}: its core "
                "learns from returns less values without noise, which no change of "
                "the prediction error reaches"
            )

    def make_learner(
        self,
        network: Network,
        learning: A2CConfig,
        *,
        steps: int,
        num_envs: int,
        generator: torch.Generator,
    ) -> tuple[Unroll, Learner]:
        """Create a noisy unroll and its learner."""
        learner = NodePerturbation(
            network, learning, steps=steps, num_envs=num_envs, generator=generator
        )
        return learner.unroll, learner

    def stored_floats(
        self, network: Network, learning: A2CConfig, *, steps: int, num_envs: int
    ) -> int:
        """Count a trace for each synapse."""
        return synaptic_traces(network, num_envs)


@dataclass(frozen=True, kw_only=True)
class PopulationRule(LearningRule):
    """Rule that perturbs the weights and compares the rewards of whole networks."""

    trains_core_by_error: bool = False
    supports_replay: bool = False

    @abstractmethod
    def members(self, learning: A2CConfig) -> int:
        """Return the number of networks that an update evaluates."""

    @abstractmethod
    def build(
        self,
        weights: Tensor,
        learning: A2CConfig,
        *,
        action_count: int,
        greatest_return: float,
    ) -> WeightSearch:
        """Create the search.

        Args:
            weights: (F,) initial trainable weights.
            learning: settings of the rule.
            action_count: number of actions of the task.
            greatest_return: upper bound of the reward of one evaluation.
        """

    def check_network(self, network: NetworkConfig, learning: A2CConfig) -> None:
        """Raise ValueError unless networks of this kind can be stepped as a batch."""
        if network.critic != "shared":
            raise ValueError(
                f"critic must be shared where the rule is {self.name}, got "
                f"{network.critic!r}: without a gradient no critic is learned"
            )
        if network.encoder != "none":
            raise ValueError(
                f"encoder must be none where the rule is {self.name}, got "
                f"{network.encoder!r}: batched networks have no encoder; choose a task "
                "without pixels"
            )
        if network.core in ("episodic", "stacked-lstm"):
            raise ValueError(
                f"core must not be {network.core} where the rule is {self.name}: "
                "batched networks have one layer and no episodic memory; choose lstm"
            )

    def check_training(self, config: RuleConfig) -> None:
        """Raise ValueError unless all members have equally many environments."""
        learning, training = config.learning, config.training
        members = self.members(learning)
        if training.num_envs % members:
            raise ValueError(
                f"num_envs must be a multiple of {members} where the rule is "
                f"{self.name}, got {training.num_envs!r}: all evaluated networks have "
                "equally many"
            )
        if training.interventions:
            raise ValueError(
                f"interventions must be () where the rule is {self.name}, got "
                f"{[str(each) for each in training.interventions]}"
            )
        if training.reset_memory != "episode":
            raise ValueError(
                f"reset_memory must be 'episode' where the rule is {self.name}, got "
                f"{training.reset_memory!r}"
            )
        rate = learning.learning_rate.start
        if rate <= 0:
            raise ValueError(
                f"learning_rate.start must be above 0 where the rule is {self.name}, "
                f"got {rate!r}: later rates are in proportion to it"
            )


@dataclass(frozen=True, kw_only=True)
class WeightPerturbationRule(PopulationRule):
    """Perturbation of all weights at once, evaluated as a pair."""

    same_loss: bool = False
    """Whether the losses of successive updates are compared, on the same episodes."""

    def members(self, learning: A2CConfig) -> int:
        """Return 2: the perturbation and its mirror image."""
        return 2

    def build(
        self,
        weights: Tensor,
        learning: A2CConfig,
        *,
        action_count: int,
        greatest_return: float,
    ) -> WeightSearch:
        """Create the search."""
        settings = learning.perturbation
        return PerturbationSearch(
            weights,
            self.name,
            size=settings.size,
            rate=learning.learning_rate.start,
            same_episodes=settings.same_episodes if self.same_loss else 1,
            greatest_return=greatest_return,
        )

    def stored_floats(
        self, network: Network, learning: A2CConfig, *, steps: int, num_envs: int
    ) -> int:
        """Count the direction of the perturbation and the state of the rule."""
        return stored_numbers(self.name, len(TrainableWeights(network)))


class EvolutionRule(PopulationRule):
    """Evolution strategies."""

    def members(self, learning: A2CConfig) -> int:
        """Return the number of members of a generation."""
        return learning.perturbation.members

    def build(
        self,
        weights: Tensor,
        learning: A2CConfig,
        *,
        action_count: int,
        greatest_return: float,
    ) -> WeightSearch:
        """Create the search."""
        return EvolutionSearch(weights, learning.perturbation, action_count)

    def stored_floats(
        self, network: Network, learning: A2CConfig, *, steps: int, num_envs: int
    ) -> int:
        """Count a direction for each pair of members, and two running means."""
        count = len(TrainableWeights(network))
        return count * (learning.perturbation.members // 2 + 2)


def random_feedback(network: Network, generator: torch.Generator) -> Tensor:
    """Draw (A + 1, H) feedback weights, normal with variance 1 / units."""
    outputs, units = network.get_parameter("heads.weight").shape
    return torch.randn(outputs, units, generator=generator) / math.sqrt(units)


def core_size(network: Network) -> tuple[int, int]:
    """Return the rows of a core's weights, with the bias, and their columns."""
    rows, width = network.get_parameter("core.weight").shape
    return rows + 1, width


def synaptic_traces(network: Network, num_envs: int) -> int:
    """Count one trace for each synapse of the core in each environment."""
    rows, width = core_size(network)
    return num_envs * rows * width


_E_PROP = "Bellec et al. 2020, Nat Commun 11:3625; Murray 2019, eLife 8:e43299"
_FEEDBACK = "Lillicrap et al. 2016, Nat Commun 7:13276"
_PERTURBATION = "Zuge, Klos & Memmesheimer 2021, bioRxiv 2021.10.04.463055"
_DOPAMINE = (
    "reconstruction from the abstract of arXiv:2510.22178; not the paper's equations"
)

RULES: Mapping[str, LearningRule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            GradientRule(
                name="bptt",
                summary="Backpropagation through time: the exact gradient.",
                source="Wang et al. 2018, Nat Neurosci 21:860",
            ),
            GradientRule(
                name="bptt-random",
                summary="Backpropagation through time of errors that reach the core "
                "through fixed random weights.",
                source=_FEEDBACK,
                random_feedback=True,
            ),
            GradientRule(
                name="eprop",
                summary="Eligibility propagation: errors through the weights of the "
                "readouts, times a trace at each synapse; the influence through other "
                "units is neglected.",
                source=_E_PROP,
                local=True,
            ),
            GradientRule(
                name="eprop-random",
                summary="Eligibility propagation of errors that reach the core through "
                "fixed random weights: no synapse depends on the weight of another.",
                source=f"{_E_PROP}; {_FEEDBACK}",
                local=True,
                random_feedback=True,
            ),
            ReadoutRule(
                name="readout",
                summary="Only policy and value learn; the core keeps its initial "
                "weights.",
                source="control without learning in the core",
                trains_core_by_error=False,
            ),
            NodePerturbationRule(
                name="np",
                summary="Node perturbation: noise in the summed input of each unit; "
                "each synapse changes by noise times presynaptic activity times "
                "advantage.",
                source="Fiete & Seung 2006, Phys Rev Lett 97:048104; Miconi 2017, "
                "eLife 6:e20899",
                trains_core_by_error=False,
                supports_replay=False,
            ),
            WeightPerturbationRule(
                name="wp",
                summary="Weight perturbation: a step along a random direction, in "
                "proportion to the difference of reward.",
                source=_PERTURBATION,
            ),
            WeightPerturbationRule(
                name="d0",
                summary="Weight perturbation with a rate set by the size of the regret "
                "RPE.",
                source=_DOPAMINE,
            ),
            WeightPerturbationRule(
                name="d1",
                summary="Weight perturbation with the regret RPE relative to its "
                "running scale.",
                source=_DOPAMINE,
            ),
            WeightPerturbationRule(
                name="d2",
                summary="Weight perturbation with a rate set by the actual relative to "
                "the predicted improvement.",
                source=_DOPAMINE,
                same_loss=True,
            ),
            EvolutionRule(
                name="es",
                summary="Evolution strategies: a step of the mean of a population "
                "towards members with more reward or more diverse behaviour.",
                source="Salimans et al. 2017, arXiv:1703.03864; Gajewski et al. 2019, "
                "GECCO",
            ),
        )
    }
)
"""Learning rules by name."""


def make_learner(
    network: Network,
    learning: A2CConfig,
    *,
    steps: int,
    num_envs: int,
    generator: torch.Generator,
) -> tuple[Unroll, Learner]:
    """Create unroll and learner of the configured rule; see `UnrollRule.build`.

    Raises:
        ValueError: the rule evaluates whole networks, or does not fit the network.
    """
    rule = RULES[learning.rule]
    if not isinstance(rule, UnrollRule):
        raise ValueError(
            f"rule must be one that learns from single steps, got {learning.rule!r}; "
            "use make_trainer"
        )
    return rule.build(
        network, learning, steps=steps, num_envs=num_envs, generator=generator
    )
