"""The event file is read back as it was written; what fails says so in a sentence."""

import io

import pytest
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard.summary import scalar

from metarl.core.checks import MetaRLError
from metarl.reports.tensorboard.event_file import EventFile


def read(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_what_is_added_is_read_back_at_its_step(tmp_path):
    file = EventFile(tmp_path, first_step=1)
    file.add(scalar("a", 2.5), 7)
    file.add_figure("b", Figure(figsize=(3, 2), dpi=50), 9)
    file.close()
    events = read(tmp_path)
    assert [(e.step, e.value) for e in events.Scalars("a")] == [(7, 2.5)]
    (image,) = events.Images("b")
    shown = Image.open(io.BytesIO(image.encoded_image_string))
    assert (image.step, image.width, image.height) == (9, 150, 100)
    assert shown.size == (150, 100)


def test_a_later_file_takes_the_place_of_what_an_earlier_one_said(tmp_path):
    for first, value in ((1, 1.0), (3, 2.0)):
        file = EventFile(tmp_path, first_step=first)
        for step in (2, 3, 4):
            if step >= first:
                file.add(scalar("a", value), step)
        file.close()
    values = [(event.step, event.value) for event in read(tmp_path).Scalars("a")]
    assert values == [(2, 1.0), (3, 2.0), (4, 2.0)]


def test_a_folder_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(MetaRLError, match=r"tfevents.* could not be written"):
        EventFile(tmp_path / "taken", first_step=1)
