"""Devices on which networks and tasks are computed, and random numbers on them."""

import re
from typing import Any

import torch
from torch import Tensor

CPU = "cpu"
"""The processor, on which the compiled kernel runs."""
NAME = re.compile(r"cpu|mps|auto|cuda(:\d+)?")
"""Names of devices; auto: a CUDA GPU if there is one, else the CPU."""


def check_name(name: str) -> None:
    """Raise ValueError unless the name is that of a device, here or elsewhere."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"device must be cpu, cuda, cuda:NUMBER, mps or auto, got {name!r}"
        )


def find_device(name: str) -> str:
    """Return the name of a device that is there; `auto` becomes one.

    Raises:
        ValueError: the name is unknown, or there is no such device.
    """
    check_name(name)
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else CPU
    if name == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device mps is not available here; take cpu or auto")
    if name.startswith("cuda"):
        _check_cuda(name)
    return name


def _check_cuda(name: str) -> None:
    """Raise ValueError unless there is this GPU."""
    count = torch.cuda.device_count()
    if count == 0:
        lacks = "" if torch.backends.cuda.is_built() else " (torch is without CUDA)"
        raise ValueError(
            f"device {name} is not available here: no GPU was found{lacks}; take cpu "
            "or auto"
        )
    number = int(name.partition(":")[2] or 0)
    if number >= count:
        raise ValueError(
            f"device {name} is not available here: the GPUs have the numbers 0 to "
            f"{count - 1}; take one of them"
        )


def kind_of(device: str) -> str:
    """Return the kind of a device, without its number."""
    return device.partition(":")[0]


def memory_of(device: str) -> int | None:
    """Bytes of memory that are free on a GPU; None if it is not of this machine."""
    if not device.startswith("cuda") or not torch.cuda.is_available():
        return None
    free, _ = torch.cuda.mem_get_info(torch.device(device))
    return int(free)


def make_generator(seed: int, device: torch.device | str = CPU) -> torch.Generator:
    """Return a seeded generator whose numbers are drawn on a device."""
    # The device meta holds no numbers, so they are drawn elsewhere.
    drawn_on = CPU if torch.device(device).type == "meta" else device
    return torch.Generator(drawn_on).manual_seed(seed)


def uniform(
    size: tuple[int, ...], generator: torch.Generator, device: torch.device | str
) -> Tensor:
    """Return uniform numbers in [0, 1), on a device."""
    return torch.rand(size, generator=generator, device=generator.device).to(device)


def moved(values: Any, device: torch.device | str) -> Any:
    """Return nested lists and dictionaries with their tensors on a device.

    States of generators, which are bytes, stay on the CPU.
    """
    if isinstance(values, Tensor):
        return values if values.dtype is torch.uint8 else values.to(device)
    if isinstance(values, dict):
        return {name: moved(value, device) for name, value in values.items()}
    if isinstance(values, list):
        return [moved(value, device) for value in values]
    return values
