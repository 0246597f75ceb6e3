"""Learning without a gradient: perturb, compare the losses, move.

The optimizer's regret RPE of a step compares the outcome that a perturbation promises
with the actual one:

    rho = (L(w) - L(w + s xi)) / s            xi ~ N(0, 1), s the perturbation's size
    rho = (L(w - s xi) - L(w + s xi)) / 2s    as a pair

It is positive where the perturbed weights do better. It is no reward prediction error
of an agent: it speaks of weights, not of rewards in the world.

A rule is a function from what it carries, the weights and a `Trial` to new weights and
what it carries on. Every tensor has a leading dimension of replicas: networks that
learn side by side, each with a rate of its own, and never touch one another. Nothing
here asks for a gradient.

Source of D0, D1 and D2: reconstruction from the abstract of arXiv:2510.22178; not the
paper's equations. Weight and node perturbation: Zuge, Klos & Memmesheimer 2021, bioRxiv
2021.10.04.463055.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor

from metarl.core.checks import check_choice

FORGETTING = 0.99
"""b: how much of a running mean of D0 and D1 is kept each step."""
TINY = 1e-12
"""eps: keeps D1 from dividing by 0 where no perturbation made a difference."""
PACE = 0.05
"""k of D2: how far the logarithm of the rate moves, at most, is 1.5 k."""
WORSE = 0.5
"""D2 takes a step back where the loss grew by more than this share of its size."""
LEAST_RATE, GREATEST_RATE = 1e-6, 30.0
"""Bounds of D2's rate."""


@dataclass(frozen=True)
class Trial:
    """One perturbation of every replica, and what came of it."""

    losses: Float[Tensor, " replica"]
    """(S,) loss of the weights themselves; of a pair, the mean of both losses."""
    regrets: Float[Tensor, " replica"]
    """(S,) rho, the optimizer's regret RPE, in loss a unit of perturbation."""
    directions: Float[Tensor, "replica weight"]
    """(S, N) xi."""


@dataclass(frozen=True)
class RuleState:
    """What a rule carries from step to step, and its schedule's factor."""

    rates: Float[Tensor, " replica"]
    """(S,) eta of the next step, but for the schedule's factor."""
    gains: Float[Tensor, " replica"]
    """(S,) the rates that were given: D0's k."""
    steps: Float[Tensor, ""]
    """Number of steps taken."""
    squares: Float[Tensor, " replica"]
    """(S,) D1's v, the running mean of squared regrets."""
    expected: Float[Tensor, " replica"]
    """(S,) D2's E, the improvement that the last step promised; 0: no step to judge."""
    losses: Float[Tensor, " replica"]
    """(S,) D2's loss before the last step."""
    before: Float[Tensor, "replica weight"]
    """(S, N) D2's weights before the last step."""
    scale: float = 1.0
    """Factor on all rates, by a schedule; at least 0."""


Rule = Callable[
    [RuleState, Float[Tensor, "replica weight"], Trial],
    tuple[Float[Tensor, "replica weight"], RuleState],
]


def start(
    weights: Float[Tensor, "replica weight"], rates: Float[Tensor, " replica"]
) -> RuleState:
    """What every rule carries into its first step.

    Args:
        weights: (S, N) the first weights.
        rates: (S,) initial learning rates.
    """
    nothing = torch.zeros_like(rates)
    return RuleState(
        rates=rates.clone(),
        gains=rates.clone(),
        steps=nothing.new_zeros(()),
        squares=nothing,
        expected=nothing,
        losses=torch.full_like(rates, torch.inf),
        before=weights.clone(),
    )


def weight_perturbation(
    rule_state: RuleState, weights: Tensor, trial: Trial
) -> tuple[Tensor, RuleState]:
    """WP: along the perturbation, as far as it was better.

        w <- w + eta rho xi

    On average over directions this is a step down the gradient.
    """
    moved = weights + _along(rule_state.scale * rule_state.rates * trial.regrets, trial)
    return moved, replace(rule_state, steps=rule_state.steps + 1)


def dopamine_raw(
    rule_state: RuleState, weights: Tensor, trial: Trial
) -> tuple[Tensor, RuleState]:
    """D0, the literal reading: the size of the regret RPE sets the rate.

        eta <- b eta + (1 - b) k |rho|;  w <- w + eta rho xi

    k is the given rate. Learning slows where little is left to gain.
    """
    told = rule_state.gains * trial.regrets.abs()
    rates = FORGETTING * rule_state.rates + (1 - FORGETTING) * told
    return weight_perturbation(replace(rule_state, rates=rates), weights, trial)


def dopamine_scaled(
    rule_state: RuleState, weights: Tensor, trial: Trial
) -> tuple[Tensor, RuleState]:
    """D1: the regret RPE is coded relative to its own running scale.

        v <- b v + (1 - b) rho^2;  w <- w + eta rho / (sqrt(v / (1 - b^t)) + eps) xi

    As dopamine neurons adapt their gain to the range of rewards (Tobler, Fiorillo &
    Schultz 2005, Science 307:1642).
    """
    steps = rule_state.steps + 1
    kept = FORGETTING * rule_state.squares
    squares = kept + (1 - FORGETTING) * trial.regrets.square()
    scale = (squares / (1 - FORGETTING**steps)).sqrt() + TINY
    sizes = rule_state.scale * rule_state.rates * trial.regrets / scale
    moved = weights + _along(sizes, trial)
    return moved, replace(rule_state, squares=squares, steps=steps)


def dopamine_judged(
    rule_state: RuleState, weights: Tensor, trial: Trial
) -> tuple[Tensor, RuleState]:
    """D2: did the last step improve as much as its regret RPE promised?

        promised  E = eta rho^2,  actual  A = L(w before) - L(w),  RPE = A - E
        q = clip(A / E, -1, 1);  log eta <- log eta + k (q - 1/2)
        w <- w + eta rho xi

    With curvature H, q = 1 - eta xi' H xi / 2, and the best step along xi has q = 1/2.
    Where the loss grew too much the step is taken back, the rate halved, and this
    trial, made at the wrong place, is not used. Loss after loss must be of the same
    batch.
    """
    known = rule_state.expected > 0
    actual = rule_state.losses - trial.losses
    share = torch.where(known, actual / rule_state.expected, 0.5).clamp(-1, 1)
    # A loss may be negative, as where rewards are to be had.
    worse = known & ~(-actual <= WORSE * rule_state.losses.abs())
    # A loss that is no number is worse, whatever the share.
    factor = torch.where(worse, 0.5, (PACE * (share - 0.5)).exp())
    rates = (rule_state.rates * factor).clamp(LEAST_RATE, GREATEST_RATE)
    sizes = rule_state.scale * rates * trial.regrets
    moved = weights + _along(sizes, trial)
    return torch.where(worse[:, None], rule_state.before, moved), replace(
        rule_state,
        rates=rates,
        steps=rule_state.steps + 1,
        expected=torch.where(worse, 0.0, sizes * trial.regrets),
        losses=torch.where(worse, rule_state.losses, trial.losses),
        before=torch.where(worse[:, None], rule_state.before, weights),
    )


def reset_expectation(rule_state: RuleState) -> RuleState:
    """The same, but the last step is not judged: its loss was of another batch."""
    return replace(rule_state, expected=torch.zeros_like(rule_state.expected))


def _along(sizes: Tensor, trial: Trial) -> Tensor:
    """(S, N) a step of each replica's size along its perturbation."""
    return sizes[:, None] * trial.directions


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "wp": weight_perturbation,
        "d0": dopamine_raw,
        "d1": dopamine_scaled,
        "d2": dopamine_judged,
    }
)
"""Rules of whole-weight perturbation by name."""


def stored(name: str, count: int) -> int:
    """Numbers that a rule keeps beside so many weights: its direction among them."""
    return {"wp": count, "d0": count + 1, "d1": count + 2, "d2": 2 * count + 3}[name]


def rule(name: str) -> Rule:
    """A rule by name.

    Raises:
        ValueError: there is none of this name.
    """
    check_choice("rule", name, RULES)
    return RULES[name]


@dataclass(frozen=True)
class Perturbation:
    """How a perturbation is made."""

    size: float
    """s."""
    pair: bool
    """Whether w + s xi is compared with w - s xi, rather than with w."""


ONE_SIDED = Perturbation(1e-5, pair=False)
"""For a loss without noise, in float64. A larger s leaves a bias of s xi' H xi / 2 in
rho, which misleads D2: its rate falls to nothing."""
PAIR = Perturbation(1e-2, pair=True)
"""For a loss with noise, the same in both, or for float32."""


def evaluate_perturbation(
    losses_of: Callable[
        [Float[Tensor, "two replica weight"]], Float[Tensor, "two replica"]
    ],
    weights: Float[Tensor, "replica weight"],
    generator: torch.Generator,
    perturbation: Perturbation = ONE_SIDED,
) -> Trial:
    """Perturb every replica once, along a direction of its own.

    Args:
        losses_of: given (2, S, N) weights to compare, their (2, S) losses, on the same
            batch and with the same random numbers.
        weights: (S, N) of the replicas.
        generator: of the directions.
        perturbation: how to perturb.
    """
    drawn = torch.randn(weights.shape, generator=generator, dtype=weights.dtype)
    directions = drawn.to(weights.device)
    shift = perturbation.size * directions
    other = weights - shift if perturbation.pair else weights
    first, perturbed = losses_of(torch.stack([other, weights + shift]))
    if perturbation.pair:
        regrets = (first - perturbed) / (2 * perturbation.size)
        return Trial((first + perturbed) / 2, regrets, directions)
    return Trial(first, (first - perturbed) / perturbation.size, directions)


def node_perturbation(
    rates: Float[Tensor, " replica"],
    regrets: Float[Tensor, "replica sample"],
    noise: Float[Tensor, "replica sample time node"],
    inputs: Float[Tensor, "replica sample time input"],
) -> Float[Tensor, "replica node input"]:
    """NP: change of one layer's weights, from noise on its nodes' summed inputs.

        dW = eta mean over samples of (L - L') / s  sum over times of xi (outer) inputs

    On average a step down the gradient of the mean loss. A bias is the weight of an
    input that is always 1.

    Args:
        rates: (S,) eta.
        regrets: (S, B) of each sample's own loss: (L - L') / s.
        noise: (S, B, T, nodes) xi, before it was scaled by s.
        inputs: (S, B, T, inputs) activity that the layer received.

    Source: Zuge, Klos & Memmesheimer 2021, bioRxiv 2021.10.04.463055.
    """
    weighted = regrets[:, :, None, None] * noise
    each = weighted.flatten(1, 2).mT @ inputs.flatten(1, 2)
    return rates[:, None, None] * each / regrets.shape[1]
