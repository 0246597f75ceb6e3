"""Perturbation rules as a torch optimizer, by forward passes alone.

`Dopamine.step` takes a function that returns the loss; docs/neighbours_optimizers.md
has an example.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from metarl.agents.learning.weight_perturbation import (
    ONE_SIDED,
    PAIR,
    Perturbation,
    RuleState,
    evaluate_perturbation,
    initial_state,
    update_rule,
)


class Dopamine(Optimizer):
    """Weight perturbation with a rate set by the optimizer's regret RPE.

    The equations are in `metarl.agents.learning.weight_perturbation`; D0 to D2 are a
    reconstruction from the abstract of arXiv:2510.22178, not the paper's equations. The
    learning rate in `param_groups` is the initial one; if a schedule changes it, every
    step is scaled in proportion.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 0.1,
        *,
        generator: torch.Generator,
        variant: str = "d2",
        perturbation: Perturbation | None = None,
    ) -> None:
        """Prepare the parameters, all in one group, of one type and device.

        Args:
            params: parameters; they need not require gradients.
            lr: initial learning rate, above 0.
            generator: source of the perturbations, on the CPU; its state is part of
                `state_dict`.
            variant: wp (weight perturbation), d0, d1 or d2. With float32 parameters d2
                is not reliable: it compares losses that differ by less than the
                rounding error of a pair, and its rate falls to its least value.
            perturbation: size and form; by default one-sided for float64 parameters,
                else as a pair.

        Raises:
            ValueError: an unknown variant, a rate that is not above 0, several groups,
                or parameters of several types.
        """
        if not lr > 0:
            raise ValueError(f"lr must be above 0, got {lr!r}")
        self.rule = update_rule(variant)
        self.generator = generator
        super().__init__(params, {"lr": lr})
        if len(self.param_groups) > 1:
            raise ValueError(
                f"params must be one group, got {len(self.param_groups)}; a "
                "perturbation has one loss, so all parameters share a rate"
            )
        (kind, *more) = {parameter.dtype for parameter in self._parameters}
        if more or not kind.is_floating_point:
            raise ValueError(
                f"params must be of one floating-point type, got {[kind, *more]}"
            )
        self.perturbation = perturbation or (
            ONE_SIDED if kind == torch.float64 else PAIR
        )
        weights = self._weights()
        rule_state = initial_state(weights, weights.new_full((1,), lr))
        self.param_groups[0].update(variant=variant, first_lr=lr)
        self._store(rule_state)

    @torch.no_grad()
    def step(self, closure: Callable[[], float | Tensor] | None = None) -> float:  # type: ignore[override]
        """Perturb all parameters once, and update them.

        Args:
            closure: function that returns the loss of the present parameters, without
                a gradient. It is called twice, and must use the same batch and random
                numbers both times; with d2 also the same batch at every step.

        Returns:
            The loss before the step; of a pair, the mean of both losses.

        Raises:
            ValueError: there is no closure, or its loss led to weights that are not
                finite; the weights are then unchanged.
        """
        if closure is None:
            raise ValueError(
                "closure must be a function that returns the loss, got None; "
                "without a gradient, the rule needs the loss"
            )

        def losses_of(compared: Tensor) -> Tensor:
            losses = []
            for perturbed in compared[:, 0]:
                self._set_weights(perturbed)
                losses.append(float(closure()))
            return compared.new_tensor(losses)[:, None]

        weights = self._weights()
        moved = weights
        try:
            comparison = evaluate_perturbation(
                losses_of, weights, self.generator, self.perturbation
            )
            moved, rule_state = self.rule(self._rule_state(), weights, comparison)
            if not moved.isfinite().all():
                moved = weights
                raise ValueError(
                    "closure must return losses that lead to finite weights, got "
                    f"{float(comparison.losses)}; set a lower lr"
                )
        finally:
            # Also after an error in the closure, which leaves perturbed weights.
            self._set_weights(moved[0])
        self._store(rule_state)
        return float(comparison.losses)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore a `state_dict`, with the random state of the perturbations.

        Raises:
            ValueError: the state has another variant or another number of weights.
        """
        (group,) = state_dict["param_groups"]
        mine = self.param_groups[0]["variant"]
        if group["variant"] != mine:
            raise ValueError(
                f"variant must be {mine}, got a state of {group['variant']}"
            )
        stored = group["rule_state"]["before"].shape[1]
        count = self._weights().shape[1]
        if stored != count:
            raise ValueError(
                f"params must have {stored} weights, as the state has, got {count}"
            )
        super().load_state_dict(dict(state_dict))
        self.generator.set_state(self.param_groups[0]["generator_state"])

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        rule_state = self._rule_state()
        return rule_state.scale * float(rule_state.rates)

    @property
    def _parameters(self) -> list[nn.Parameter]:
        parameters: list[nn.Parameter] = self.param_groups[0]["params"]
        return parameters

    def _weights(self) -> Tensor:
        """(1, N) copy of all parameters."""
        parts = [parameter.detach().flatten() for parameter in self._parameters]
        return torch.cat(parts)[None]

    def _set_weights(self, weights: Tensor) -> None:
        """Copy (N,) values into the parameters."""
        sizes = [parameter.numel() for parameter in self._parameters]
        for parameter, part in zip(self._parameters, weights.split(sizes), strict=True):
            parameter.copy_(part.view_as(parameter))

    def _rule_state(self) -> RuleState:
        """State of the rule, with the present learning rate."""
        group = self.param_groups[0]
        scale = group["lr"] / group["first_lr"]
        return RuleState(**{**group["rule_state"], "scale": scale})

    def _store(self, rule_state: RuleState) -> None:
        # In the group, not in `state`: torch casts the tensors of a state on loading.
        self.param_groups[0].update(
            rule_state=dict(vars(rule_state)),
            generator_state=self.generator.get_state(),
        )
