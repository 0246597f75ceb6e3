"""Makes every request for a gradient fail."""

import torch


def forbid_gradients(monkeypatch):
    for place, name in (
        (torch.Tensor, "backward"),
        (torch.autograd, "backward"),
        (torch.autograd, "grad"),
    ):
        monkeypatch.setattr(place, name, _refusal())


def _refusal():
    # Separate functions, because torch distinguishes tensors in two places.
    def refuse(*_arguments, **_more):
        raise AssertionError("a gradient was asked for")

    return refuse
