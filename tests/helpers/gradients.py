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
    # A function each: torch tells apart what it finds in two places.
    def refuse(*_arguments, **_more):
        raise AssertionError("a gradient was asked for")

    return refuse
