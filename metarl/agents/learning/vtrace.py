"""Learning from episodes of an older policy: V-trace, and the cloning of CLEAR.

A replayed episode was acted by an older policy mu. Prediction errors are weighted by
the probability of each action under the present policy pi, relative to mu:

    ratio[t] = pi(a[t]) / mu(a[t])
    rho[t] = min(largest_ratio, ratio[t]),    c[t] = min(largest_trace, ratio[t])
    error[t] = rho[t] rpe[t]
    v[t] - V[t] = error[t] + discounts[t] c[t] (v[t+1] - V[t+1])
    advantage[t] = rho[t] (r[t] + discounts[t] v[t+1] - V[t])

Source: Espeholt et al. 2018, ICML.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metarl.agents.returns import advantages


class VTraceTargets(NamedTuple):
    """Corrected learning targets, each (T, B)."""

    rpes: Tensor
    """rho rpe: corrected one-step prediction errors."""
    corrections: Tensor
    """v - V: changes of the value."""
    advantages: Tensor
    """Advantages for the policy, weighted by rho."""
    weights: Tensor
    """rho."""

    def standardized_advantages(self) -> Tensor:
        """(T, B) advantages, centred and scaled to unit deviation.

        The centre is weighted by rho, like the advantages: subtracting an unweighted
        mean would reinforce or suppress whatever the old policy did.
        """
        # The floor is for actions that all have probability 0 under the present policy.
        centre = self.advantages.sum() / self.weights.sum().clamp(min=1e-8)
        centred = self.advantages - self.weights * centre
        return centred / (centred.std(correction=0) + 1e-8)


def importance_ratios(
    logits: Float[Tensor, "time batch actions"],
    old_logits: Float[Tensor, "time batch actions"],
    actions: Int[Tensor, "time batch"],
) -> Float[Tensor, "time batch"]:
    """Probability of each action under the present policy, relative to the old one.

    Args:
        logits: (T, B, A) of the present policy, pi.
        old_logits: (T, B, A) of the policy that acted, mu.
        actions: (T, B) actions taken.
    """
    # A difference of logarithms: probabilities near 0 would be divided otherwise.
    gain = logits.log_softmax(-1) - old_logits.log_softmax(-1)
    return gain.gather(-1, actions.unsqueeze(-1)).squeeze(-1).exp()


def vtrace(
    rpes: Float[Tensor, "time batch"],
    ratios: Float[Tensor, "time batch"],
    discounts: Float[Tensor, "time batch"],
    *,
    trace_decay: float = 1.0,
    largest_ratio: float = 1.0,
    largest_trace: float = 1.0,
) -> VTraceTargets:
    """V-trace: prediction errors of another policy's episode, corrected and bounded.

    If all ratios are 1, both the advantage and v - V equal `returns.advantages`.

    Args:
        rpes: (T, B) from `reward_prediction_error`, with the present values.
        ratios: (T, B) from `importance_ratios`.
        discounts: (T, B) per step; 0 where the episode ended.
        trace_decay: lambda, in [0, 1].
        largest_ratio: rho bar, > 0.
        largest_trace: c bar, > 0.
    """
    # The bound of rho sets the fixed point of the value; the bound of c only the speed
    # of convergence (Espeholt et al. 2018, section 4.1).
    rho, traces = ratios.clamp(max=largest_ratio), ratios.clamp(max=largest_trace)
    errors = rho * rpes
    # The recursion for v - V is that of the advantages, with c in the discounts.
    corrections = advantages(errors, discounts * traces, trace_decay)
    # The advantage uses v[t+1] without c[t]: only the trace is cut by c.
    later = torch.zeros_like(corrections)
    later[:-1] = discounts[:-1] * trace_decay * corrections[1:]
    return VTraceTargets(errors, corrections, rho * (rpes + later), rho)


def cloning_losses(
    logits: Float[Tensor, "time batch actions"],
    values: Float[Tensor, "time batch"],
    old_logits: Float[Tensor, "time batch actions"],
    old_values: Float[Tensor, "time batch"],
) -> tuple[Tensor, Tensor]:
    """Return the two cloning terms of CLEAR: means of KL(mu || pi) and (V - V_old)^2.

    Args:
        logits: (T, B, A) of the present policy, differentiable.
        values: (T, B) of the present critic, differentiable.
        old_logits: (T, B, A) of the policy that acted.
        old_values: (T, B) values at that time.

    Source: Rolnick et al. 2019, NeurIPS.
    """
    old = old_logits.log_softmax(-1)
    divergence = (old.exp() * (old - logits.log_softmax(-1))).sum(-1)
    return divergence.mean(), (values - old_values).square().mean()
