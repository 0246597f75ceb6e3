"""Encoders: their features, their inputs, and the number of encodings."""

from math import sqrt

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.encoders import (
    BITS,
    STACK_LEAST,
    Encoder,
    pack,
    unique_rows,
    unpack,
)

EXACT = {"rtol": 0, "atol": 1e-9}
MOST = 2**BITS - 1


def make(view_size=(20, 8), seed=1, **settings):
    encoder = Encoder(view_size, NetworkConfig(**{"encoder": "patch"} | settings))
    encoder.initialize(torch.Generator().manual_seed(seed))
    return encoder


def draw_pixels(count, width, height, seed=1):
    generator = torch.Generator().manual_seed(seed)
    size = (count, width, height, 3)
    return torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)


def draw_biases(encoder):
    """Biases that are not 0, and weights of double precision."""
    encoder.double()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for layer in encoder.layers:
            layer.bias.uniform_(-0.5, 0.5, generator=generator)
    return encoder


def by_hand(values, weight, bias, stride):
    """(W', H', filters) rectified readings of (W, H, channels), place by place."""
    count, _, width, height = weight.shape
    across = range(0, values.shape[0] - width + 1, stride)
    down = range(0, values.shape[1] - height + 1, stride)
    actual = values.new_zeros(len(across), len(down), count)
    for i, x in enumerate(across):
        for j, y in enumerate(down):
            seen = values[x : x + width, y : y + height]
            # A filter is (channels, W, H).
            read = torch.einsum("xyc,fcxy->f", seen, weight) + bias
            actual[i, j] = read.clamp(min=0)
    return actual


# Shapes


def test_the_patches_of_a_small_image_are_encoded_at_seven_places():
    encoder = make((20, 8), patch_size=8, patch_stride=2, filters=16)
    (layer,) = encoder.layers
    assert encoder.features == 7 * 16
    assert layer.weight.shape == (16, 3, 8, 8)
    assert encoder.encode(draw_pixels(5, 20, 8)).shape == (5, 112)


def test_a_filter_is_as_tall_as_the_image():
    encoder = make((13, 5), patch_size=4, patch_stride=3, filters=2)
    assert encoder.layers[0].weight.shape == (2, 3, 4, 5)
    assert encoder.features == 4 * 2
    assert encoder.encode(draw_pixels(3, 13, 5)).shape == (3, 8)


def test_a_patch_may_be_as_wide_as_the_image():
    assert make((8, 8), patch_size=8, filters=3).features == 3


@pytest.mark.parametrize(
    ("view_size", "flat"),
    [((84, 84), 32 * 9 * 9), ((84, 36), 32 * 9 * 3), ((STACK_LEAST,) * 2, 32)],
)
def test_a_stack_has_two_convolutions_and_a_full_layer(view_size, flat):
    encoder = make(view_size, encoder="stack", features=24)
    first, second, full = encoder.layers
    assert first.weight.shape == (16, 3, 8, 8)
    assert second.weight.shape == (32, 16, 4, 4)
    assert full.weight.shape == (24, flat)
    assert encoder.features == 24
    assert encoder.encode(draw_pixels(2, *view_size)).shape == (2, 24)


def test_no_views_are_encoded_as_no_features():
    assert make().encode(draw_pixels(0, 20, 8)).shape == (0, 112)


def test_an_image_that_is_too_small_is_refused():
    words = r"patch_size must be in \[1, 7\], got 8"
    with pytest.raises(ValueError, match=words):
        make((7, 8), patch_size=8)
    words = "least side of the image, for encoder stack, must be at least 20, got"
    for small in ((84, 19), (19, 84), (20, 8)):
        with pytest.raises(ValueError, match=f"{words} {min(small)}"):
            make(small, encoder="stack")


def test_pixels_of_another_type_or_shape_are_refused():
    # By the shapes of the signatures, which the tests alone check.
    pixels = draw_pixels(2, 20, 8)
    for wrong in (pixels.float(), pixels[..., :2], pixels[0]):
        with pytest.raises(TypeError):
            make().encode(wrong)


# What is computed


@pytest.mark.parametrize("height", [5, 11])
def test_a_patch_reads_places_from_left_to_right(height):
    encoder = draw_biases(make((11, height), patch_size=4, patch_stride=3, filters=6))
    pixels = draw_pixels(4, 11, height)
    (layer,) = encoder.layers
    features = encoder.encode(pixels)
    assert features.dtype == torch.float64
    for row, picture in zip(features, pixels, strict=True):
        values = picture.double() / 128 - 1
        expected = by_hand(values, layer.weight, layer.bias, 3)
        assert expected.shape == (3, 1, 6)
        # Filter by filter, each at all places.
        assert_close(row.unflatten(0, (6, 3)).T, expected.squeeze(1), **EXACT)
    assert features.gt(0).any()
    assert features.eq(0).any()


@pytest.mark.parametrize(("height", "down"), [(24, (5, 1)), (28, (6, 2))])
def test_a_stack_reads_what_its_layers_read(height, down):
    encoder = draw_biases(make((28, height), encoder="stack", features=7))
    pixels = draw_pixels(2, 28, height)
    first, second, full = encoder.layers
    for row, picture in zip(encoder.encode(pixels), pixels, strict=True):
        values = picture.double() / 128 - 1
        values = by_hand(values, first.weight, first.bias, 4)
        assert values.shape == (6, down[0], 16)
        values = by_hand(values, second.weight, second.bias, 2)
        assert values.shape == (2, down[1], 32)
        flat = values.permute(2, 0, 1).flatten()
        expected = (full.weight @ flat + full.bias).clamp(min=0)
        assert_close(row, expected, **EXACT)


@pytest.mark.parametrize("encoder", ["patch", "stack"])
def test_mid_grey_is_encoded_as_0(encoder):
    made = make((24, 20), encoder=encoder)
    grey = torch.full((1, 24, 20, 3), 128, dtype=torch.uint8)
    assert not made.encode(grey).any()
    assert made.encode(draw_pixels(1, 24, 20)).any()


def test_black_and_white_are_encoded_as_minus_and_plus_1():
    encoder = make((1, 1), patch_size=1, patch_stride=1, filters=2)
    with torch.no_grad():
        encoder.layers[0].weight.zero_()
        encoder.layers[0].weight[0, 1] = 1  # green
        encoder.layers[0].weight[1, 1] = -1
    levels = torch.tensor([0, 64, 128, 255], dtype=torch.uint8)
    pixels = draw_pixels(4, 1, 1)
    pixels[..., 1] = levels.view(4, 1, 1)
    expected = [[0, 1], [0, 0.5], [0, 0], [127 / 128, 0]]
    assert encoder.encode(pixels).tolist() == expected


def test_the_left_side_reaches_the_first_features():
    encoder = make((20, 8), filters=4)
    pixels = torch.full((1, 20, 8, 3), 128, dtype=torch.uint8)
    pixels[:, :2] = 255  # the two columns on the left: in the first patch alone
    read = encoder.encode(pixels).unflatten(1, (4, 7)).squeeze(0)
    assert read[:, 0].any()
    assert not read[:, 1:].any()
    pixels = torch.full((1, 20, 8, 3), 128, dtype=torch.uint8)
    pixels[:, 18:] = 255
    read = encoder.encode(pixels).unflatten(1, (4, 7)).squeeze(0)
    assert read[:, -1].any()
    assert not read[:, :-1].any()


# Initial weights


@pytest.mark.parametrize("encoder", ["patch", "stack"])
def test_weights_are_uniform_by_their_fan_in(encoder):
    made = make((84, 84), encoder=encoder, features=256, filters=64)
    for layer in made.layers:
        inputs = layer.weight[0].numel()
        generator_of = layer.weight.detach()
        bound = sqrt(3 / inputs)
        assert 0.98 * bound < float(generator_of.abs().max()) <= bound
        assert float(generator_of.std()) * sqrt(inputs) == pytest.approx(1, abs=0.03)
        assert abs(float(generator_of.mean())) < 0.1 * bound
        assert not layer.bias.any()


def test_weights_depend_on_the_generator_alone():
    torch.manual_seed(1)
    first = torch.cat([p.flatten() for p in make(seed=3).parameters()])
    torch.manual_seed(2)
    again = torch.cat([p.flatten() for p in make(seed=3).parameters()])
    other = torch.cat([p.flatten() for p in make(seed=4).parameters()])
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


# Codes


class Renderer:
    """A renderer that records its arguments."""

    def __init__(self, width=20, height=8):
        self.bank = draw_pixels(6, width, height, seed=5)
        self.asked = []

    def __call__(self, codes):
        self.asked.append(codes.clone())
        return self.bank[(codes[:, 0] + 2 * codes[:, -1]).long()]


def test_each_distinct_row_is_rendered_once():
    encoder, renderer = make(), Renderer()
    encoder.render_views = renderer
    codes = torch.tensor([[1.0, 2], [0, 1], [1, 2], [0, 0], [0, 1], [1, 2]])
    features = encoder(codes)
    (asked,) = renderer.asked
    assert asked.dtype == torch.float32
    assert sorted(asked.tolist()) == [[0, 0], [0, 1], [1, 2]]
    expected = encoder.encode(renderer(codes))
    assert_close(features, expected, rtol=0, atol=1e-5)
    assert not torch.equal(features[0], features[1])


def test_gradients_of_all_environments_with_one_view_add_up():
    encoder, renderer = make().double(), Renderer()
    encoder.render_views = renderer
    codes = torch.tensor([[1.0, 2], [0, 1], [1, 2], [1, 2]])
    weights = torch.linspace(-1, 1, 4 * 112).view(4, 112).double()
    (encoder(codes) * weights).sum().backward()
    actual = [p.grad.clone() for p in encoder.parameters()]
    encoder.zero_grad()
    (encoder.encode(renderer(codes)) * weights).sum().backward()
    for one, other in zip(actual, encoder.parameters(), strict=True):
        assert other.grad.any()
        assert_close(one, other.grad, **EXACT)


def test_an_encoder_without_renderer_says_how_to_attach_it():
    words = (
        r"encoder\.render_views must be the task\'s `render_views`, got None; call .*"
    )
    with pytest.raises(ValueError, match=words):
        make()(torch.zeros(1, 2))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_codes_are_packed_and_unpacked(count):
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(0, MOST + 1, (200, count), generator=generator)
    edges = torch.tensor([0, 1, 2**10, 2**19, MOST - 1, MOST])
    corners = torch.cartesian_prod(*[edges] * count).view(-1, count)
    codes = torch.cat([codes, corners]).unique(dim=0).float()
    keys = pack(codes)
    assert keys.dtype == torch.int64
    assert keys.min() >= 0
    assert len(keys.unique()) == len(codes)
    again = unpack(keys, count)
    assert again.dtype == torch.float32
    assert torch.equal(again, codes)


def test_the_first_code_counts_most():
    codes = torch.tensor([[0.0, MOST, MOST], [1, 0, 0], [1, 0, 1], [1, 1, 0]])
    assert pack(codes).tolist() == [2**40 - 1, 2**40, 2**40 + 1, 2**40 + 2**20]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_different_rows_put_back_are_the_rows(count):
    generator = torch.Generator().manual_seed(2)
    few = torch.randint(MOST - 2, MOST + 1, (60, count), generator=generator).float()
    rows, back = unique_rows(few)
    assert rows.shape == few.unique(dim=0).shape
    assert len(rows.unique(dim=0)) == len(rows)
    assert torch.equal(rows[back], few)
