"""Learning from what another policy did: V-trace, and CLEAR's cloning.

A replayed episode was acted by an older policy mu. Prediction errors are weighed by how
likely the present policy pi would have acted so:

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


class Corrected(NamedTuple):
    """What replayed prediction errors teach, each (T, B)."""

    errors: Tensor
    """rho rpe: the one-step errors, as they teach."""
    corrections: Tensor
    """v - V: what the value is to change by."""
    advantage: Tensor
    """For the policy; weighed by rho already."""
    weights: Tensor
    """rho."""

    def normalized(self) -> Tensor:
        """(T, B) the advantage, centred and scaled to unit deviation.

        What is taken off every error is weighed like the errors: an unweighed mean
        would teach the present policy to do, or not, whatever the old one did.
        """
        centre = self.advantage.sum() / self.weights.sum().clamp(min=1e-8)
        centred = self.advantage - self.weights * centre
        return centred / (centred.std(correction=0) + 1e-8)


def importance_ratios(
    logits: Float[Tensor, "time batch actions"],
    acted: Float[Tensor, "time batch actions"],
    actions: Int[Tensor, "time batch"],
) -> Float[Tensor, "time batch"]:
    """How much likelier than the policy that acted the present one takes each action.

    Args:
        logits: (T, B, A) of the present policy, pi.
        acted: (T, B, A) of the policy that acted, mu.
        actions: (T, B) taken.
    """
    gain = logits.log_softmax(-1) - acted.log_softmax(-1)
    return gain.gather(-1, actions.unsqueeze(-1)).squeeze(-1).exp()


def vtrace(
    rpes: Float[Tensor, "time batch"],
    ratios: Float[Tensor, "time batch"],
    discounts: Float[Tensor, "time batch"],
    *,
    trace_decay: float = 1.0,
    largest_ratio: float = 1.0,
    largest_trace: float = 1.0,
) -> Corrected:
    """V-trace: the errors of another policy's episode, corrected and bounded.

    Where all ratios are 1 the advantage is `returns.advantages`, and so is v - V.

    Args:
        rpes: (T, B) from `reward_prediction_error`, of the present values.
        ratios: (T, B) from `importance_ratios`.
        discounts: (T, B) per step; 0 where the episode ended.
        trace_decay: lambda, in [0, 1].
        largest_ratio: rho bar, > 0.
        largest_trace: c bar, > 0.
    """
    rho, traces = ratios.clamp(max=largest_ratio), ratios.clamp(max=largest_trace)
    errors = rho * rpes
    corrections = advantages(errors, discounts * traces, trace_decay)
    later = torch.zeros_like(corrections)
    later[:-1] = discounts[:-1] * trace_decay * corrections[1:]
    return Corrected(errors, corrections, rho * (rpes + later), rho)


def cloning_losses(
    logits: Float[Tensor, "time batch actions"],
    values: Float[Tensor, "time batch"],
    acted: Float[Tensor, "time batch actions"],
    expected: Float[Tensor, "time batch"],
) -> tuple[Tensor, Tensor]:
    """CLEAR's two terms: means of KL(mu || pi) and of (V - V then)^2.

    Args:
        logits: (T, B, A) of the present policy, differentiable.
        values: (T, B) of the present critic, differentiable.
        acted: (T, B, A) of the policy that acted.
        expected: (T, B) values then.

    Source: Rolnick et al. 2019, NeurIPS.
    """
    then = acted.log_softmax(-1)
    divergence = (then.exp() * (then - logits.log_softmax(-1))).sum(-1)
    return divergence.mean(), (values - expected).square().mean()
