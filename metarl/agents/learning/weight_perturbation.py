"""Weight perturbation: perturb, compare the losses, move; no gradient is computed.

The optimizer's regret RPE compares the loss of perturbed weights with the loss of the
weights themselves:

    rho = (L(w) - L(w + s xi)) / s            xi ~ N(0, 1), s the perturbation's size
    rho = (L(w - s xi) - L(w + s xi)) / 2s    as a pair

It is positive if the perturbed weights do better. It is not the reward prediction error
of an agent: it is about weights, not about rewards of a task.

A rule maps its state, the weights and a `Comparison` to new weights and a new state.
Every tensor has a leading dimension of replicas: independent networks, each with its
own rate, that learn in parallel.

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
"""b: decay per step of the running means of D0 and D1."""
TINY = 1e-12
"""eps: keeps D1 from dividing by 0 if no perturbation changed the loss."""
PACE = 0.05
"""k of D2: the logarithm of the rate changes by at most 1.5 k per step."""
WORSE = 0.5
"""D2 undoes a step that raised the loss by more than this share of its size."""
LEAST_RATE, GREATEST_RATE = 1e-6, 30.0
"""Bounds of the rate of D2."""


@dataclass(frozen=True)
class Comparison:
    """Losses with and without one perturbation of every replica."""

    losses: Float[Tensor, " replica"]
    """(S,) loss of the weights themselves; of a pair, the mean of both losses."""
    regrets: Float[Tensor, " replica"]
    """(S,) rho, the optimizer's regret RPE, in loss per unit of perturbation."""
    directions: Float[Tensor, "replica weight"]
    """(S, N) xi."""


@dataclass(frozen=True)
class RuleState:
    """State of a rule between steps, and the factor of its schedule."""

    rates: Float[Tensor, " replica"]
    """(S,) eta of the next step, before the schedule's factor."""
    gains: Float[Tensor, " replica"]
    """(S,) initial rates: k of D0."""
    steps: Float[Tensor, ""]
    """Number of steps taken."""
    squares: Float[Tensor, " replica"]
    """(S,) v of D1, the running mean of squared regrets."""
    expected: Float[Tensor, " replica"]
    """(S,) E of D2, the predicted improvement of the last step; 0: no prediction."""
    losses: Float[Tensor, " replica"]
    """(S,) loss of D2 before the last step."""
    before: Float[Tensor, "replica weight"]
    """(S, N) weights of D2 before the last step."""
    scale: float = 1.0
    """Factor of all rates, from a schedule; at least 0."""


Rule = Callable[
    [RuleState, Float[Tensor, "replica weight"], Comparison],
    tuple[Float[Tensor, "replica weight"], RuleState],
]


def initial_state(
    weights: Float[Tensor, "replica weight"], rates: Float[Tensor, " replica"]
) -> RuleState:
    """Return the state of any rule before its first step.

    Args:
        weights: (S, N) initial weights.
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
    rule_state: RuleState, weights: Tensor, comparison: Comparison
) -> tuple[Tensor, RuleState]:
    """WP: move along the perturbation, in proportion to its regret RPE.

        w <- w + eta rho xi

    On average over directions this is a step down the gradient.
    """
    sizes = rule_state.scale * rule_state.rates * comparison.regrets
    moved = weights + _along(sizes, comparison)
    return moved, replace(rule_state, steps=rule_state.steps + 1)


def dopamine_raw(
    rule_state: RuleState, weights: Tensor, comparison: Comparison
) -> tuple[Tensor, RuleState]:
    """D0, the literal reading: the size of the regret RPE sets the rate.

        eta <- b eta + (1 - b) k |rho|;  w <- w + eta rho xi

    k is the initial rate. Learning slows as the loss approaches its minimum.
    """
    sizes = rule_state.gains * comparison.regrets.abs()
    rates = FORGETTING * rule_state.rates + (1 - FORGETTING) * sizes
    return weight_perturbation(replace(rule_state, rates=rates), weights, comparison)


def dopamine_scaled(
    rule_state: RuleState, weights: Tensor, comparison: Comparison
) -> tuple[Tensor, RuleState]:
    """D1: the regret RPE is coded relative to its own running scale.

        v <- b v + (1 - b) rho^2;  w <- w + eta rho / (sqrt(v / (1 - b^t)) + eps) xi

    As dopamine neurons adapt their gain to the range of rewards (Tobler, Fiorillo &
    Schultz 2005, Science 307:1642).
    """
    steps = rule_state.steps + 1
    remembered = FORGETTING * rule_state.squares
    squares = remembered + (1 - FORGETTING) * comparison.regrets.square()
    # As in Adam: the mean starts from 0, and would be too small in the first steps.
    scale = (squares / (1 - FORGETTING**steps)).sqrt() + TINY
    sizes = rule_state.scale * rule_state.rates * comparison.regrets / scale
    moved = weights + _along(sizes, comparison)
    return moved, replace(rule_state, squares=squares, steps=steps)


def dopamine_compared(
    rule_state: RuleState, weights: Tensor, comparison: Comparison
) -> tuple[Tensor, RuleState]:
    """D2: the actual improvement relative to the predicted one sets the rate.

        predicted  E = eta rho^2,  actual  A = L(w before) - L(w),  RPE = A - E
        q = clip(A / E, -1, 1);  log eta <- log eta + k (q - 1/2)
        w <- w + eta rho xi

    With curvature H, q = 1 - eta xi' H xi / 2, and the best step along xi has q = 1/2.
    If the loss grew too much, the step is undone, the rate is halved, and this
    comparison, made at the rejected weights, is not used. Successive losses must be of
    the same batch.
    """
    known = rule_state.expected > 0
    actual = rule_state.losses - comparison.losses
    # 0.5 leaves the rate as it is where there is no prediction.
    share = torch.where(known, actual / rule_state.expected, 0.5).clamp(-1, 1)
    # The size of the loss, as a loss may be negative (less reward than 0). Negated, so
    # that a loss of NaN counts as worse, whatever the share.
    worse = known & ~(-actual <= WORSE * rule_state.losses.abs())
    factor = torch.where(worse, 0.5, (PACE * (share - 0.5)).exp())
    rates = (rule_state.rates * factor).clamp(LEAST_RATE, GREATEST_RATE)
    sizes = rule_state.scale * rates * comparison.regrets
    moved = weights + _along(sizes, comparison)
    # After an undone step nothing is predicted, so no second step is undone in a row.
    return torch.where(worse[:, None], rule_state.before, moved), replace(
        rule_state,
        rates=rates,
        steps=rule_state.steps + 1,
        expected=torch.where(worse, 0.0, sizes * comparison.regrets),
        losses=torch.where(worse, rule_state.losses, comparison.losses),
        before=torch.where(worse[:, None], rule_state.before, weights),
    )


def reset_expectation(rule_state: RuleState) -> RuleState:
    """Discard the predicted improvement, as the last loss was of another batch."""
    return replace(rule_state, expected=torch.zeros_like(rule_state.expected))


def _along(sizes: Tensor, comparison: Comparison) -> Tensor:
    """(S, N) step of each replica along its perturbation."""
    return sizes[:, None] * comparison.directions


UPDATE_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "wp": weight_perturbation,
        "d0": dopamine_raw,
        "d1": dopamine_scaled,
        "d2": dopamine_compared,
    }
)
"""Update rules of weight perturbation by name."""


def stored_numbers(name: str, count: int) -> int:
    """Count the numbers that a rule stores for `count` weights, with its direction."""
    return {"wp": count, "d0": count + 1, "d1": count + 2, "d2": 2 * count + 3}[name]


def update_rule(name: str) -> Rule:
    """Return an update rule by name.

    Raises:
        ValueError: the name is unknown.
    """
    check_choice("rule", name, UPDATE_RULES)
    return UPDATE_RULES[name]


@dataclass(frozen=True)
class Perturbation:
    """Size and form of a perturbation."""

    size: float
    """s."""
    pair: bool
    """Whether w + s xi is compared with w - s xi, rather than with w."""


ONE_SIDED = Perturbation(1e-5, pair=False)
"""For a loss without noise, in float64. A larger s leaves a bias of s xi' H xi / 2 in
rho, which misleads D2: its rate falls to its least value."""
PAIR = Perturbation(1e-2, pair=True)
"""For a loss with noise, equal in both, or for float32."""


def evaluate_perturbation(
    losses_of: Callable[
        [Float[Tensor, "two replica weight"]], Float[Tensor, "two replica"]
    ],
    weights: Float[Tensor, "replica weight"],
    generator: torch.Generator,
    perturbation: Perturbation = ONE_SIDED,
) -> Comparison:
    """Perturb every replica once, along independent directions.

    Args:
        losses_of: maps (2, S, N) weights to their (2, S) losses, on the same batch and
            with the same random numbers.
        weights: (S, N) weights of the replicas.
        generator: source of the directions.
        perturbation: size and form.
    """
    # Drawn where the generator is, which may be another device than the weights'.
    noise = torch.randn(weights.shape, generator=generator, dtype=weights.dtype)
    directions = noise.to(weights.device)
    shift = perturbation.size * directions
    other = weights - shift if perturbation.pair else weights
    first, perturbed = losses_of(torch.stack([other, weights + shift]))
    if perturbation.pair:
        regrets = (first - perturbed) / (2 * perturbation.size)
        return Comparison((first + perturbed) / 2, regrets, directions)
    return Comparison(first, (first - perturbed) / perturbation.size, directions)


def node_perturbation(
    rates: Float[Tensor, " replica"],
    regrets: Float[Tensor, "replica sample"],
    noise: Float[Tensor, "replica sample time node"],
    inputs: Float[Tensor, "replica sample time input"],
) -> Float[Tensor, "replica node input"]:
    """NP: change of the weights of one layer, from noise on its nodes' summed inputs.

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
    # One matrix product for each replica: samples and times are summed together.
    products = weighted.flatten(1, 2).mT @ inputs.flatten(1, 2)
    return rates[:, None, None] * products / regrets.shape[1]
