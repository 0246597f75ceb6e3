"""What the panels of every experiment share: who is drawn, and where legends go."""

from matplotlib.axes import Axes

from metarl.analysis.measures import Tables, select_group
from metarl.analysis.style import COLOURS

LEGEND_GAP = 0.19
"""Room for tick and axis labels above the legend, in heights of the axes."""
SECOND_LINE = 0.07
"""More room, where tick labels take two lines."""
LEAST_FOR_INTERVAL = 3
"""Subjects below which no interval of their mean is drawn."""


def measured(tables: Tables) -> tuple[str, str]:
    """Colour and label of the measured subjects, with their number."""
    kind = str(tables["about"]["subjects_are"].iloc[0])
    count = len(select_group(tables["subjects"]))
    colour = COLOURS["agent" if kind == "networks" else "animal"]
    return colour, f"{kind if count != 1 else kind[:-1]} (n = {count})"


def label_line(ax: Axes, name: str, height: float) -> None:
    """Write a name at the right end of a horizontal line."""
    ax.annotate(
        name,
        (1, height),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 2),
        textcoords="offset points",
        ha="right",
        fontsize="small",
    )


def empty_panel(ax: Axes, text: str = "no recording") -> Axes:
    """Say on empty axes why nothing is drawn."""
    ax.text(0.5, 0.5, text, ha="center", transform=ax.transAxes)
    return ax


def legend_below(
    ax: Axes, *, title: str = "", columns: int = 2, first: str = ""
) -> Axes:
    """The legend under the axes, where no data are; `first` leads it."""
    two_lines = any("\n" in label.get_text() for label in ax.get_xticklabels())
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda index: labels[index] != first)
    ax.legend(
        [handles[index] for index in order],
        [labels[index] for index in order],
        title=title,
        loc="upper center",
        bbox_to_anchor=(0.5, -LEGEND_GAP - SECOND_LINE * two_lines),
        ncols=columns,
        columnspacing=1.0,
        handletextpad=0.4,
        markerscale=1.2,
    )
    return ax
