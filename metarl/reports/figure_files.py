"""Files of a figure: PNG, PDF and SVG, scaled as a whole."""

import logging
import re
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_pdf import Op, PdfFile, RendererPdf
from matplotlib.figure import Figure

from metarl.core.files import whole_file
from metarl.reports.figure_format import STYLES, FigureFormat

EDITABLE: Any = {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "metarl"}
"""Letters of a file stay letters, of TrueType fonts; ids do not change."""

# It tells how it makes each font smaller.
logging.getLogger("fontTools").setLevel(logging.WARNING)


def save_figure(
    figure: Figure, stem: Path, form: FigureFormat | None = None
) -> list[Path]:
    """Write a figure in its formats; the same figure gives the same bytes.

    Args:
        figure: as it was drawn.
        stem: path of the files without ending.
        form: its format; None: PNG and PDF at the size that it was drawn in.
    """
    form = form or FigureFormat()
    factor = form.scale(float(figure.get_size_inches()[0]))
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in form.formats]
    for kind, path in zip(form.formats, paths, strict=True):
        with whole_file(path) as temporary, mpl.rc_context(EDITABLE):
            WRITERS[kind](figure, temporary, factor, STYLES[form.style].dpi)
    return paths


def _write_png(figure: Figure, path: Path, factor: float, dpi: int) -> None:
    marked = {"dpi": (dpi, dpi)}
    figure.savefig(path, format="png", dpi=dpi * factor, pil_kwargs=marked)


def _write_svg(figure: Figure, path: Path, factor: float, _: int) -> None:
    """With the lengths of the page scaled, and not those of its contents."""
    drawn = BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    head, end, rest = drawn.getvalue().decode().partition("viewBox")
    sized = re.sub(
        r'(width|height)="([\d.]+)pt"',
        lambda found: f'{found[1]}="{float(found[2]) * factor:.6g}pt"',
        head,
    )
    path.write_text(sized + end + rest, encoding="utf-8")


def _write_pdf(figure: Figure, path: Path, factor: float, dpi: int) -> None:
    """With one matrix, before all that is drawn."""
    width, height = figure.get_size_inches()
    file: Any = _ScaledFile(path, factor)
    before, figure.dpi = figure.dpi, 72  # points of a PDF in an inch
    try:
        file.newPage(width, height)
        page = RendererPdf(file, dpi, height, width)  # type: ignore[no-untyped-call]
        renderer: Any = MixedModeRenderer(  # type: ignore[no-untyped-call]
            figure, width, height, dpi, page
        )
        figure.draw(renderer)
        renderer.finalize()
        file.finalize()
    finally:
        figure.dpi = before
        file.close()


class _ScaledFile(PdfFile):
    """PDF of which everything is drawn on another scale."""

    def __init__(self, path: Path, factor: float) -> None:
        """Open it for writing; without a date, so that its bytes do not change."""
        super().__init__(path, metadata={"CreationDate": None})  # type: ignore[no-untyped-call]
        self.factor = factor

    def newPage(self, width: float, height: float) -> None:  # noqa: N802 matplotlib's
        """Begin the page, of the size of the file."""
        factor = self.factor
        super().newPage(width * factor, height * factor)  # type: ignore[no-untyped-call]
        self.output(factor, 0, 0, factor, 0, 0, Op.concat_matrix)  # type: ignore[no-untyped-call]


WRITERS: Mapping[str, Callable[[Figure, Path, float, int], None]] = MappingProxyType(
    {"png": _write_png, "pdf": _write_pdf, "svg": _write_svg}
)
"""Kind of file -> writes a figure, given its path, scale and dots per inch."""
