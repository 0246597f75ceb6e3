"""Views against a scene that is painted whole, rolled and cut."""

import itertools

import numpy as np
import pytest
import torch

from metarl.envs.harlow.panorama import Columns, Geometry, Panorama

PAUSE, FIXATION, CHOICE = range(3)
CROSS, OBJECT = 10, 100
"""What marks a column of the cross and of a object; the first number is which one."""
WORLDS = {
    "the published retina, smaller": (Geometry(28, 2, 8, 164), 10, 11),
    "one cell a object": (Geometry(9, 1, 3, 17), 1, 1),
    "an even window, odd objects": (Geometry(6, 1, 4, 12), 1, 3),
    "an odd window, even objects": (Geometry(7, 3, 4, 12), 2, 4),
    "all the way round at once": (Geometry(10, 1, 2, 10), 4, 3),
    "one column": (Geometry(1, 1, 2, 6), 1, 2),
    "a cross wider than the window": (Geometry(4, 2, 3, 20), 6, 6),
}


def columns(cross, size, count=4):
    """Columns that all look different."""
    objects = [[[OBJECT + n, at] for at in range(size)] for n in range(count)]
    return Columns(
        torch.tensor([0, 0]),
        torch.tensor([[CROSS, at] for at in range(cross)]),
        torch.tensor(objects),
    )


def painted(event, gaze, sides, geometry, shown):
    """(window, 2) what is to be seen, by painting the whole scene."""
    scene = np.tile(shown.blank.numpy(), (geometry.ring, 1))

    def paint(middle, picture):
        for at, column in enumerate(picture.numpy()):
            scene[(middle - len(picture) // 2 + at) % geometry.ring] = column

    if event == FIXATION:
        paint(0, shown.cross)
    if event == CHOICE:
        paint(-geometry.distance, shown.objects[sides[0]])
        paint(geometry.distance, shown.objects[sides[1]])
    first = gaze * geometry.turn - geometry.window // 2
    return np.roll(scene, -first, axis=0)[: geometry.window]


@pytest.fixture(params=list(WORLDS))
def world(request):
    """Every place and pair of objects; a panorama and what it should show."""
    geometry, cross, size = WORLDS[request.param]
    turns = geometry.ring // geometry.turn
    gazes = range(-(turns // 2), turns - turns // 2)
    places = list(itertools.product((PAUSE, FIXATION, CHOICE), gazes))
    shown = columns(cross, size)
    event, gaze = torch.tensor(places).unbind(1)
    panorama = Panorama(event, gaze, shown, geometry)
    pairs = [(one, other) for one in range(4) for other in range(4) if one != other]
    cases = list(itertools.product(range(len(places)), pairs))
    place = torch.tensor([number for number, _ in cases])
    left, right = torch.tensor([sides for _, sides in cases]).unbind(1)
    expected = np.stack([painted(*places[n], s, geometry, shown) for n, s in cases])
    return panorama, place, panorama.codes(place, left, right), expected


def test_a_view_is_cut_from_the_painted_scene(world):
    panorama, _, codes, expected = world
    np.testing.assert_array_equal(panorama.render(codes).numpy(), expected)


def test_equal_codes_have_equal_views(world):
    _, _, codes, expected = world
    view_of_code = {}
    for code, view in zip(codes.tolist(), expected, strict=True):
        assert view_of_code.setdefault(tuple(code), view.tobytes()) == view.tobytes()


def test_codes_of_one_place_differ_exactly_if_views_do(world):
    _, place, codes, expected = world
    for here in place.unique():
        distinct_codes = {tuple(code) for code in codes[place == here].tolist()}
        views = {view.tobytes() for view in expected[(place == here).numpy()]}
        assert len(distinct_codes) == len(views)


def test_objects_out_of_sight_have_no_code(world):
    _, _, codes, expected = world
    assert codes.dtype == torch.float32
    assert codes.shape == (len(expected), 3)
    for code, view in zip(codes.long().tolist(), expected, strict=True):
        objects = {int(mark) - OBJECT for mark in view[:, 0] if mark >= OBJECT}
        assert set(code[1:]) <= objects | {0}
        assert objects <= set(code[1:])
        assert (code[0] == 0) == (not view.any())


def test_a_turn_to_the_right_moves_the_scene_to_the_left():
    geometry = Geometry(8, 2, 6, 40)
    event, gaze = torch.tensor([[FIXATION] * 3, [-1, 0, 1]])
    panorama = Panorama(event, gaze, columns(2, 4), geometry)
    codes = panorama.codes(torch.arange(3), torch.tensor(1), torch.tensor(2))
    marks = panorama.render(codes)[:, :, 0] == CROSS
    where = [row.nonzero().flatten().tolist() for row in marks]
    assert where == [[5, 6], [3, 4], [1, 2]]


def test_the_object_on_the_left_is_on_the_left_of_the_view():
    geometry = Geometry(7, 1, 2, 17)
    panorama = Panorama(
        torch.tensor([CHOICE]), torch.tensor([0]), columns(1, 1), geometry
    )
    sides = torch.tensor([2]), torch.tensor([3])
    seen = panorama.render(panorama.codes(torch.tensor([0]), *sides))[0, :, 0]
    assert seen.tolist() == [0, OBJECT + 2, 0, 0, 0, OBJECT + 3, 0]


def test_views_are_on_the_device_of_the_columns():
    """The meta device holds no numbers, but refuses to mix with another device."""
    shown = Columns(*(part.to("meta") for part in columns(1, 1)))
    event, gaze = torch.tensor([[CHOICE, FIXATION], [0, 0]])
    panorama = Panorama(event, gaze, shown, Geometry(7, 1, 2, 17))
    place = torch.empty(5, dtype=torch.int64, device="meta")
    codes = panorama.codes(place, place, place)
    assert codes.device.type == panorama.render(codes).device.type == "meta"
