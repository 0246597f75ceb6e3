"""Learning rules: what each knows of the network, and what it does with an error.

bptt          Backpropagation through time: the exact gradient.
eprop         Eligibility propagation: each synapse keeps a trace of its own, and the
              readers' errors come back through their weights. What went through other
              units is left out.
eprop-random  The same, but errors come back through weights that were drawn at random
              and never change: no synapse needs to know another's weight.
bptt-random   Backpropagation through time of errors that come back so.
readout       Only the readers learn; the core stays as it was drawn.
np            Node perturbation: noise on the units' drive, and each synapse is
              strengthened by noise times presynaptic activity times advantage.

Sources: Bellec et al. 2020, Nat Commun 11:3625; Murray 2019, eLife 8:e43299 (eprop);
Lillicrap et al. 2016, Nat Commun 7:13276 (random feedback); Fiete & Seung 2006, Phys
Rev Lett 97:048104; Miconi 2017, eLife 6:e20899 (np).
"""

import math

import torch

from metarl.agents.config import A2CConfig, Rule
from metarl.agents.learning.a2c import Learner
from metarl.agents.learning.area_costs import AreaLearner, credit_by_area
from metarl.agents.learning.node_perturbation import NodePerturbation
from metarl.agents.networks.actor_critic import ActorCritic, Network
from metarl.agents.unrolls.gradient_paths import GradientPaths
from metarl.agents.unrolls.network import Unroll, make_unroll


def make_learner(
    network: Network,
    config: A2CConfig,
    *,
    steps: int,
    num_envs: int,
    generator: torch.Generator,
) -> tuple[Unroll, Learner]:
    """What steps a network, and what teaches it afterwards, by the rule it is to have.

    Args:
        network: what learns.
        config: names the rule.
        steps: of one unroll.
        num_envs: stepped side by side.
        generator: draws what the rule needs: fixed random feedback, or noise.

    Raises:
        ValueError: the rule does not fit the network.
    """
    if config.rule == "np":
        learner = NodePerturbation(
            network, config, steps=steps, num_envs=num_envs, generator=generator
        )
        return learner.unroll, learner
    credit = credit_of(config.rule, network, generator)
    if config.costs.plain:
        return make_unroll(network, steps, num_envs, credit), Learner(network, config)
    credit = credit_by_area(credit, config.costs, network)
    unroll = make_unroll(network, steps, num_envs, credit)
    return unroll, AreaLearner(network, config, unroll, generator)


def credit_of(
    rule: Rule, network: Network, generator: torch.Generator
) -> GradientPaths:
    """The paths that a rule's errors take in a network.

    Args:
        rule: its name.
        network: with one core that policy and value read, where feedback is random.
        generator: draws random feedback, normal with variance 1 / units.

    Raises:
        ValueError: the rule does not fit the network.
    """
    local = rule in ("eprop", "eprop-random")
    if not rule.endswith("-random"):
        return GradientPaths(local=local)
    if not isinstance(network, ActorCritic):
        raise ValueError(
            f"critic must be shared where the rule is {rule}, got 'separate': the two "
            "cores would need feedback of their own"
        )
    heads = network.heads.weight
    drawn = torch.randn(heads.shape, generator=generator) / math.sqrt(heads.shape[1])
    return GradientPaths(local=local, feedback=drawn)
