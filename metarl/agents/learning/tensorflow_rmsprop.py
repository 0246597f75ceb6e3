"""RMSProp as in TensorFlow 1, which programs of 2016 to 2018 used."""

from collections.abc import Iterable
from typing import Any

import torch


class TensorFlowRMSprop(torch.optim.Optimizer):
    """RMSProp with epsilon inside the root, and a mean of squares that starts at 1.

        s' = decay s + (1 - decay) g^2;  w' = w - lr g / sqrt(s' + epsilon)

    The start at 1 makes the first updates much smaller than torch's.

    Source: tf.compat.v1.train.RMSPropOptimizer, without momentum.
    """

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        *,
        lr: float,
        decay: float = 0.9,
        epsilon: float = 1e-10,
    ) -> None:
        """Optimize parameters; decay in [0, 1), epsilon > 0."""
        super().__init__(parameters, {"lr": lr, "decay": decay, "epsilon": epsilon})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take one step along the gradients; a parameter without one is skipped."""
        for group in self.param_groups:
            decay, epsilon = group["decay"], group["epsilon"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["square_avg"] = torch.ones_like(parameter)
                square = state["square_avg"]
                square.mul_(decay).addcmul_(
                    parameter.grad, parameter.grad, value=1 - decay
                )
                root = (square + epsilon).sqrt_()
                parameter.addcdiv_(parameter.grad, root, value=-group["lr"])
