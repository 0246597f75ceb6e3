"""Files of a figure: size, fonts and letters in every format."""

import re
import zlib

import pytest
from matplotlib.figure import Figure
from PIL import Image

from metarl.reports.figure_files import save_figure
from metarl.reports.figure_format import (
    FigureFormat,
    choose,
    letters,
    listed,
    millimetres,
)

ALL = ("png", "pdf", "svg")
POINTS_OF_89_MM = 89 / 25.4 * 72


@pytest.fixture
def figure():
    """Drawn 5.4 by 4.8 inches, with letters of 11.5 points."""
    drawn = Figure(figsize=(5.4, 4.8))
    drawn.subplots().set_title("Staying", fontsize=11.5)
    return drawn


def written(figure, folder, **form):
    form = FigureFormat(formats=ALL, **form)
    paths = save_figure(figure, folder / "figure", form)
    assert [path.name for path in paths] == [f"figure.{kind}" for kind in ALL]
    return paths


def test_a_figure_of_a_column_is_89_mm_wide_in_every_format(figure, tmp_path):
    png, pdf, svg = written(figure, tmp_path, style="paper", width=89.0)
    with Image.open(png) as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.01)
        assert picture.width / 300 * 25.4 == pytest.approx(89, abs=0.1)
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf.read_bytes())
    assert float(box[1]) == pytest.approx(POINTS_OF_89_MM, abs=0.01)
    assert float(box[2]) == pytest.approx(POINTS_OF_89_MM * 4.8 / 5.4, abs=0.01)
    width = re.search(r'width="([\d.]+)pt"', svg.read_text())
    assert float(width[1]) == pytest.approx(POINTS_OF_89_MM, abs=0.01)


def test_everything_in_a_pdf_is_scaled_and_letters_stay_letters(figure, tmp_path):
    _, pdf, svg = written(figure, tmp_path, style="paper", width=89.0)
    raw = pdf.read_bytes()
    assert b"/Type3" not in raw
    assert b"/CIDFontType2" in raw
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", raw, re.DOTALL)
    contents = [zlib.decompress(s) for s in streams if s[:1] == b"\x78"]
    page = next(text for text in contents if b" cm" in text and b"Tf" in text)
    scale = re.search(rb"([\d.]+) 0 0 ([\d.]+) 0 0 cm", page)
    assert (
        float(scale[1]) == float(scale[2]) == pytest.approx(89 / 25.4 / 5.4, abs=1e-4)
    )
    assert re.search(r"<text[^>]*>Staying</text>", svg.read_text())


def test_the_screen_has_the_size_in_which_a_figure_is_drawn(figure, tmp_path):
    png, pdf, _ = written(figure, tmp_path)
    with Image.open(png) as picture:
        assert picture.size == (810, 720)
    assert b"/MediaBox [ 0 0 388.8 345.6 ]" in pdf.read_bytes()


def test_the_same_figure_gives_the_same_bytes(figure, tmp_path):
    first = [path.read_bytes() for path in written(figure, tmp_path, style="slide")]
    again = [path.read_bytes() for path in written(figure, tmp_path, style="slide")]
    assert first == again


@pytest.mark.parametrize(
    ("style", "width", "count", "columns"),
    [
        ("screen", None, 7, 3),
        ("screen", None, 2, 2),
        ("paper", 89.0, 7, 1),
        ("paper", None, 7, 2),
        ("paper", 183.0, 1, 1),
        ("slide", None, 7, 2),
        ("slide", 150.0, 7, 1),
    ],
)
def test_as_many_panels_stand_in_a_row_as_can_be_read(style, width, count, columns):
    assert FigureFormat(style=style, width=width).columns(count) == columns


def test_letters_of_a_journals_column_have_at_least_seven_points():
    for width in (89.0, 183.0):
        form = FigureFormat(style="paper", width=width)
        drawn = 5.4 * form.columns(9)
        assert 11.5 * form.scale(drawn) >= 7


def test_panels_are_chosen_by_their_letters():
    titles = ["Staying", "Weights", "Rewards"]
    assert choose((), titles) == [0, 1, 2]
    assert choose(("c", "a"), titles) == [2, 0]
    with pytest.raises(ValueError, match=r"got 'd': a Staying; b Weights; c Rewards"):
        choose(("a", "d"), titles)
    assert letters(28)[-2:] == ["aa", "ab"]


def test_widths_are_read_with_their_unit():
    assert [millimetres(w) for w in ("89mm", "8.9 cm", "89")] == [89, 89, 89]
    assert millimetres("3.5in") == pytest.approx(88.9)
    for wrong in ("wide", "-3", "89px", ""):
        with pytest.raises(ValueError, match="width must be a number, as 89mm"):
            millimetres(wrong)
    assert listed("a, c,") == ("a", "c")


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"formats": ("gif",)}, "format must be one of png, pdf, svg; got 'gif'"),
        ({"formats": ()}, "format must be png, pdf or svg, got none"),
        ({"width": 10.0}, "width (in mm) must be in [40.0, 1000.0]"),
        ({"style": "poster"}, "style must be"),
    ],
)
def test_wrong_formats_are_refused_in_a_sentence(form, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        FigureFormat(**form)


def test_names_of_files_tell_the_format():
    assert FigureFormat().stem == "figure"
    form = FigureFormat(style="paper", width=89.0, panels=("a", "c"))
    assert form.stem == "figure_paper_89mm_ac"
