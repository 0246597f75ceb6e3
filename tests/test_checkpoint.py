"""Networks and states on disk: what comes back is what was, or a clear sentence."""

import json

import pytest
import torch
from safetensors.torch import save_file

from metarl.agents.network import ActorCritic, weights_hash
from metarl.agents.settings import NetworkConfig
from metarl.checkpoint import (
    check_fits,
    load_policy,
    load_state,
    load_weights,
    save_policy,
    save_state,
)
from metarl.checks import MetaRLError

CONFIG = NetworkConfig(units=4, forget_bias=1.0)


@pytest.fixture
def network():
    return ActorCritic(8, 3, CONFIG, seed=1)


@pytest.fixture
def path(tmp_path, network):
    path = tmp_path / "policy.safetensors"
    save_policy(path, network, CONFIG)
    return path


@pytest.mark.parametrize("core", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("learned", [True, False])
def test_a_network_comes_back_to_the_bit(core, learned, tmp_path):
    config = NetworkConfig(core=core, units=4, learned_initial_state=learned)
    network = ActorCritic(8, 3, config, seed=1)
    save_policy(tmp_path / "policy.safetensors", network, config)
    again = load_policy(tmp_path / "policy.safetensors")
    assert weights_hash(again) == weights_hash(network)
    assert type(again.core) is type(network.core)
    inputs = torch.ones(2, 8)
    one, other = (n.act(inputs, n.initial_memory(2)) for n in (network, again))
    assert torch.equal(one.logits, other.logits)
    assert torch.equal(one.value, other.value)


def test_the_same_weights_make_the_same_bytes(path, network, tmp_path):
    save_policy(tmp_path / "again.safetensors", network, CONFIG)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("content", [b"", b"nonsense" * 50, "cut", "flipped header"])
def test_a_damaged_policy_gets_one_sentence(content, path):
    whole = path.read_bytes()
    if content == "cut":
        content = whole[:-40]
    elif content == "flipped header":
        content = whole[:8] + b"\x00" + whole[9:]
    path.write_bytes(content)
    with pytest.raises(MetaRLError, match=r"is not a readable metarl network \(") as e:
        load_policy(path)
    assert "take another snapshot, or train the subject anew" in str(e.value)
    assert "\n" not in str(e.value)


def test_a_missing_policy_says_what_to_do(tmp_path):
    with pytest.raises(MetaRLError, match="is missing; train the subject first"):
        load_policy(tmp_path / "policy.safetensors")


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"other": "program"},
        {"metarl": "no json"},
        {"metarl": json.dumps({"input_size": 8, "action_count": 3})},
        {
            "metarl": json.dumps(
                {"input_size": 8, "action_count": 3, "network": {"layers": 2}}
            )
        },
        {"metarl": json.dumps([1, 2])},
    ],
)
def test_another_programs_or_versions_file_is_refused(metadata, path, network):
    save_file(dict(network.state_dict()), path, metadata)
    with pytest.raises(MetaRLError, match="is not a readable metarl network"):
        load_policy(path)


def test_a_parameter_of_another_shape_is_named_with_both_shapes(network, path):
    tensors = dict(network.state_dict())
    tensors["core.bias"] = torch.zeros(3)
    words = (
        r"policy.safetensors: parameter core.bias is \(3,\), this network needs \(16,"
    )
    with pytest.raises(MetaRLError, match=words):
        load_weights(network, tensors, path)
    del tensors["core.bias"]
    with pytest.raises(MetaRLError, match=r"parameter core\.bias is missing"):
        load_weights(network, tensors, path)


def test_a_network_for_another_task_is_refused(network):
    check_fits(network, 8, 3)
    words = (
        "takes 8 inputs and 3 actions, the task has 6 and 2; evaluate it on the task"
    )
    with pytest.raises(MetaRLError, match=words):
        check_fits(network, 6, 2)


def test_a_state_comes_back(tmp_path):
    state = {
        "updates": 3,
        "tensor": torch.arange(3),
        "rows": [{"a": 1.5}],
        "none": None,
    }
    save_state(tmp_path / "state.pt", state)
    again = load_state(tmp_path / "state.pt")
    assert torch.equal(again.pop("tensor"), state.pop("tensor"))
    assert again == state


@pytest.mark.parametrize("damage", ["cut", "empty", "nonsense", "code"])
def test_a_damaged_state_gets_one_sentence(damage, tmp_path):
    path = tmp_path / "state.pt"
    save_state(path, {"tensor": torch.zeros(1000)})
    if damage == "code":
        torch.save({"f": print}, path)  # a pickle that could run anything
    else:
        whole = path.read_bytes()
        path.write_bytes({"cut": whole[:-500], "empty": b"", "nonsense": b"x"}[damage])
    words = r"state.pt is damaged \(.*delete its folder to train this subject anew"
    with pytest.raises(MetaRLError, match=words) as caught:
        load_state(path)
    assert "\n" not in str(caught.value)
