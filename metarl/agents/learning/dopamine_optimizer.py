"""The perturbation rules as an optimizer of torch: forward passes only.

`Dopamine.step` is given a function that returns the loss; docs/neighbours_optimizers.md
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
    rule,
    start,
)


class Dopamine(Optimizer):
    """Weight perturbation whose rate follows the optimizer's regret RPE.

    The equations stand in `metarl.agents.learning.weight_perturbation`; D0 to D2 are a
    reconstruction from the abstract of arXiv:2510.22178, not the paper's equations. The
    learning rate of `param_groups` is the initial one; where a schedule changes it,
    every step is scaled in proportion.
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
        """Take charge of parameters, all in one group, of one type and device.

        Args:
            params: parameters; they need not require gradients.
            lr: initial learning rate, above 0.
            generator: of the perturbations, on the CPU; its state is part of
                `state_dict`.
            variant: wp (weight perturbation), d0, d1 or d2. Where parameters have 32
                bits d2 is not reliable: it compares losses that differ by less than
                the pair's own scatter, and its rate falls to nothing.
            perturbation: how to perturb; by default one-sided where parameters have
                64 bits, else as a pair.

        Raises:
            ValueError: an unknown variant, a rate that is not above 0, several groups,
                or parameters of several types.
        """
        if not lr > 0:
            raise ValueError(f"lr must be above 0, got {lr!r}")
        self.rule = rule(variant)
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
        first = start(weights, weights.new_full((1,), lr))
        self.param_groups[0].update(variant=variant, given=lr)
        self._keep(first)

    @torch.no_grad()
    def step(self, closure: Callable[[], float | Tensor] | None = None) -> float:  # type: ignore[override]
        """Perturb all parameters once, and move them.

        Args:
            closure: the loss of the parameters as they are, without a gradient. It is
                called twice, and must use the same batch and random numbers both
                times; with d2 the same batch from step to step too.

        Returns:
            The loss before the step; of a pair, the mean of both losses.

        Raises:
            ValueError: there is no closure, or its loss led to weights that are no
                numbers; the weights are then as they were.
        """
        if closure is None:
            raise ValueError(
                "closure must be a function that returns the loss, got None; "
                "without a gradient the loss is all there is to learn from"
            )

        def losses_of(compared: Tensor) -> Tensor:
            found = []
            for tried in compared[:, 0]:
                self._put(tried)
                found.append(float(closure()))
            return compared.new_tensor(found)[:, None]

        weights = self._weights()
        moved = weights
        try:
            trial = evaluate_perturbation(
                losses_of, weights, self.generator, self.perturbation
            )
            moved, rule_state = self.rule(self._carried(), weights, trial)
            if not moved.isfinite().all():
                moved = weights
                raise ValueError(
                    "closure must return losses that lead to finite weights, got "
                    f"{float(trial.losses)}; set a lower lr"
                )
        finally:
            self._put(moved[0])
        self._keep(rule_state)
        return float(trial.losses)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`, its perturbations included.

        Raises:
            ValueError: it is another variant's, or of another number of weights.
        """
        (group,) = state_dict["param_groups"]
        mine = self.param_groups[0]["variant"]
        if group["variant"] != mine:
            raise ValueError(
                f"variant must be {mine}, as here, got a state of {group['variant']}"
            )
        kept, here = group["carried"]["before"].shape[1], self._weights().shape[1]
        if kept != here:
            raise ValueError(
                f"params must have {kept} weights, as the state has, got {here}"
            )
        super().load_state_dict(dict(state_dict))
        self.generator.set_state(self.param_groups[0]["random"])

    @property
    def rate(self) -> float:
        """The rate of the next step."""
        rule_state = self._carried()
        return rule_state.scale * float(rule_state.rates)

    @property
    def _parameters(self) -> list[nn.Parameter]:
        parameters: list[nn.Parameter] = self.param_groups[0]["params"]
        return parameters

    def _weights(self) -> Tensor:
        """(1, N) all parameters, copied."""
        parts = [parameter.detach().flatten() for parameter in self._parameters]
        return torch.cat(parts)[None]

    def _put(self, weights: Tensor) -> None:
        """Give the parameters their (N,) values."""
        sizes = [parameter.numel() for parameter in self._parameters]
        for parameter, part in zip(self._parameters, weights.split(sizes), strict=True):
            parameter.copy_(part.view_as(parameter))

    def _carried(self) -> RuleState:
        """What the rule carries, with the learning rate as it is now."""
        group = self.param_groups[0]
        return RuleState(**{**group["carried"], "scale": group["lr"] / group["given"]})

    def _keep(self, rule_state: RuleState) -> None:
        # In the group rather than in `state`, whose tensors torch casts on loading.
        self.param_groups[0].update(
            rule_state=dict(vars(rule_state)),
            random=self.generator.get_state(),
        )
