"""Devices are found or refused in one sentence, and tensors moved to them."""

import pytest
import torch

from metarl.core import devices
from metarl.core.devices import find_device, kind_of, make_generator, moved, uniform


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "CPU", "cpu:0"])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(ValueError, match=r"^device must be cpu, cuda, cuda:NUMBER, "):
        find_device(name)


def test_a_device_that_is_absent_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="cuda is not available here: no GPU was"):
        find_device("cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_device("cuda:1") == "cuda:1"
    with pytest.raises(ValueError, match="the GPUs have the numbers 0 to 1"):
        find_device("cuda:2")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match="mps is not available"):
        find_device("mps")


@pytest.mark.parametrize(("there", "found"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_a_gpu_if_there_is_one(there, found, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert find_device("auto") == found
    assert find_device("cpu") == "cpu"


def test_kinds_have_no_number():
    assert kind_of("cuda:3") == kind_of("cuda") == "cuda"
    assert devices.memory_of("cpu") is None


def test_the_memory_of_a_gpu_elsewhere_is_not_known(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.memory_of("cuda") is None


def test_numbers_are_those_of_the_generator():
    expected = torch.rand(5, generator=torch.Generator().manual_seed(3))
    assert torch.equal(uniform((5,), make_generator(3), "cpu"), expected)
    assert uniform((5,), make_generator(3, "meta"), "meta").is_meta


def test_nested_tensors_are_moved_but_states_of_generators_are_not():
    state = torch.Generator().get_state()
    values = {"a": [torch.zeros(2), None], "state": state, "clock": 3}
    there = moved(values, "meta")
    assert there["a"][0].is_meta
    assert there["a"][1] is None
    assert there["state"] is state
    assert there["clock"] == 3
