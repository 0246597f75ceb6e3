"""Networks and states on disk: what comes back is what was, or a clear sentence."""

import json
import math

import pytest
import torch
from flags import Flags, FlagsParams
from safetensors import safe_open
from safetensors.torch import save_file

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import (
    ActorCritic,
    attach_renderer,
    build,
    weights_hash,
)
from metarl.core.checks import MetaRLError
from metarl.envs.two_step import TwoStep
from metarl.envs.volatility import Volatility
from metarl.runs import checkpoint
from metarl.runs.checkpoint import (
    check_fits,
    load_policy,
    load_state,
    load_weights,
    save_policy,
    save_state,
)

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


SEEING = {
    "patch": ((9, 4), NetworkConfig(units=4, encoder="patch", patch_size=4)),
    "stack": ((28, 20), NetworkConfig(units=4, encoder="stack", features=6)),
}


def renderer_of(view_size):
    """Return a renderer of (N, 1) codes."""
    generator = torch.Generator().manual_seed(5)
    bank = torch.randint(0, 256, (3, *view_size, 3), generator=generator)
    return lambda codes: bank[codes[:, 0].long()].to(torch.uint8)


@pytest.mark.parametrize("kind", SEEING)
def test_a_loaded_network_with_an_encoder_acts_the_same(kind, tmp_path):
    view_size, config = SEEING[kind]
    network = build(5, 3, config, seed=1, view_size=view_size)
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            parameter.add_(0.01 * (number + 1))
    paths = [tmp_path / f"{name}.safetensors" for name in ("one", "other")]
    for path in paths:
        save_policy(path, network, config)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again = load_policy(paths[0])
    assert again.view_size == view_size
    assert weights_hash(again) == weights_hash(network)
    save_policy(paths[1], again, config)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    # The renderer belongs to the task.
    assert again.encoder.render_views is None
    inputs = torch.tensor([[2.0, 0, 1, 0, 0.5], [1, 1, 0, 0, 0]])
    one, other = (
        attach_renderer(n, renderer_of(view_size)).act(inputs, n.initial_memory(2))
        for n in (network, again)
    )
    assert torch.equal(one.logits, other.logits)
    assert torch.equal(one.value, other.value)
    assert torch.equal(one.units, other.units)


def resealed(path, **changes):
    """Write the policy again with changed entries, and with the hash of these."""
    with safe_open(path, framework="pt") as file:
        sizes = json.loads(file.metadata()["metarl"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    sizes = {k: v for k, v in {**sizes, **changes}.items() if k != "sha256"}
    sizes["sha256"] = checkpoint._policy_hash(sizes, tensors)
    save_file(tensors, path, {"metarl": json.dumps(sizes)})


def test_a_network_without_a_hash_is_refused(path, network):
    with safe_open(path, framework="pt") as file:
        sizes = json.loads(file.metadata()["metarl"])
    del sizes["sha256"]
    save_file(dict(network.state_dict()), path, {"metarl": json.dumps(sizes)})
    with pytest.raises(MetaRLError, match=r"network \(it has no entry 'sha256'\)"):
        load_policy(path)


def test_no_flipped_bit_of_a_policy_passes(path, network):
    whole = path.read_bytes()
    changed = weights = 0
    for position in range(0, len(whole), 7):
        for bit in (0, 3, 6):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            try:
                weights += weights_hash(load_policy(path)) != weights_hash(network)
            except MetaRLError as error:
                assert str(path) in str(error)  # noqa: PT017
                assert "\n" not in str(error)  # noqa: PT017
                changed += 1
    assert weights == 0
    assert changed > 3 * len(whole) / 7 * 0.99


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_weight_that_is_not_finite_is_refused(value, path, network):
    network.heads.bias.data[0] = value
    save_policy(path, network, CONFIG)
    words = "parameter heads.bias has a weight that is not finite"
    with pytest.raises(MetaRLError, match=words):
        load_policy(path)


OWNER = {"task": "two-step", "seed": 3, "subject": 1, "configuration": "ab"}


@pytest.mark.parametrize("name", OWNER)
def test_a_policy_of_another_owner_is_refused_by_what_differs(name, path, network):
    save_policy(path, network, CONFIG, OWNER)
    assert weights_hash(load_policy(path, OWNER)) == weights_hash(network)
    words = rf"is not from this subject of this run: its {name} is .*, not other; rest"
    with pytest.raises(MetaRLError, match=words):
        load_policy(path, {**OWNER, name: "other"})
    save_policy(path, network, CONFIG)
    with pytest.raises(MetaRLError, match="its task is missing, not two-step"):
        load_policy(path, OWNER)


@pytest.mark.parametrize(
    "changes",
    [
        {"input_size": "8"},
        {"input_size": 10**12},
        {"input_size": -1},
        {"action_count": [3]},
        {"view_size": 5},
        {"network": [1]},
        {"network": {"units": True}},
        {"network": {"units": 10**9}},
        {"network": None},
    ],
)
def test_entries_of_a_wrong_type_or_size_get_one_sentence(changes, path):
    resealed(path, **changes)
    with pytest.raises(MetaRLError, match="is not a readable metarl network") as caught:
        load_policy(path)
    assert "\n" not in str(caught.value)


def test_entries_nested_too_deep_get_one_sentence(path, network):
    deep = '{"sha256": ' + "[" * 100_000 + "]" * 100_000 + "}"
    save_file(dict(network.state_dict()), path, {"metarl": deep})
    with pytest.raises(MetaRLError, match="is not a readable metarl network"):
        load_policy(path)


@pytest.mark.parametrize("critic", ["shared", "separate"])
def test_a_loaded_network_without_an_encoder_has_none(critic, tmp_path):
    config = NetworkConfig(units=4, critic=critic)
    save_policy(tmp_path / "policy", build(8, 3, config, seed=1), config)
    assert load_policy(tmp_path / "policy").view_size is None


@pytest.mark.parametrize("view_size", [None, [3, 4], [9], "wide"])
def test_an_encoder_that_does_not_fit_the_image_is_refused(view_size, path, network):
    metadata = {"input_size": 5, "action_count": 3, "view_size": view_size}
    metadata["network"] = {"units": 4, "encoder": "patch", "patch_size": 4}
    resealed(path, **metadata)
    with pytest.raises(MetaRLError, match="is not a readable metarl network"):
        load_policy(path)


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
    words = "use another snapshot, or delete it and repeat `metarl train` with --resume"
    assert words in str(e.value)
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
    check_fits(network, TwoStep())
    words = (
        "takes 8 inputs, 3 actions and no image, the task has 5 inputs, 2 actions and "
        "no image; evaluate it on the task it learned"
    )
    with pytest.raises(MetaRLError, match=words):
        check_fits(network, Volatility())


@pytest.mark.parametrize("size", [(10, 4), (9, 5), (4, 9)])
def test_a_network_with_another_size_of_image_is_refused(size, path):
    # The codes are the same, so that inputs and actions would fit.
    config = NetworkConfig(units=4, encoder="patch", patch_size=4)
    save_policy(path, build(5, 2, config, seed=3, view_size=(9, 4)), config)
    network = load_policy(path)
    check_fits(network, Flags())
    words = rf"an image of 9 x 4 pixels, the task has .* {size[0]} x {size[1]} pixels;"
    with pytest.raises(MetaRLError, match=words):
        check_fits(network, Flags(1, FlagsParams(width=size[0], height=size[1])))


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
    words = r"state.pt is damaged \(.*delete its folder to train this subject again"
    with pytest.raises(MetaRLError, match=words) as caught:
        load_state(path)
    assert "\n" not in str(caught.value)


def test_no_flipped_bit_of_a_state_passes(tmp_path):
    path = tmp_path / "state.pt"
    save_state(path, {"tensor": torch.arange(100.0), "updates": 3})
    whole = path.read_bytes()
    for position in range(0, len(whole), 11):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises(MetaRLError, match=r"state.pt is damaged \(its SHA-256 is"):
            load_state(path)


def test_torch_reads_a_state_by_its_safe_default(tmp_path):
    save_state(tmp_path / "state.pt", {"updates": 3})
    assert torch.load(tmp_path / "state.pt", weights_only=True) == {"updates": 3}
