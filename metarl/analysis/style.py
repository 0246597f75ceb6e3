"""One look for every figure: a colour means the same thing everywhere."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import matplotlib as mpl
import seaborn as sns

COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "agent": "#0072B2",
        "paper": "#222222",
        "animal": "#D55E00",
        "human": "#CC79A7",
        "optimum": "#009E73",
        "chance": "#8C8C8C",
        "model-free": "#E69F00",
        "second stage": "#0072B2",
        "reward": "#56B4E9",
        "rewarded": "#332288",
        "unrewarded": "#999933",
    }
)
"""What is drawn -> colour; told apart by colour-blind readers and on a projector.

Events of the agent are shades of the agent's blue. Sources: Okabe & Ito 2008, Color
Universal Design; the last two, P. Tol's muted scheme.
"""

YARDSTICK_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "random": COLOURS["chance"],
        "bayes-greedy": COLOURS["optimum"],
        "oracle": "#66C2A5",
        "sarsa": COLOURS["model-free"],
    }
)
"""Reference strategy -> colour."""


def yardstick_colour(name: str) -> str:
    """Colour of a reference strategy; grey for one without its own."""
    return YARDSTICK_COLOURS.get(name, COLOURS["chance"])


@contextmanager
def figure_style() -> Iterator[None]:
    """Fonts and sizes that can be read from the back of a lecture room.

    Use as `with figure_style(): ...`; the caller's own settings come back after.
    """
    with mpl.rc_context():
        sns.set_theme(
            context="notebook",
            style="ticks",
            font_scale=1.05,
            rc={
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.titleweight": "bold",
                "axes.titlelocation": "left",
                "figure.dpi": 100,
                "savefig.dpi": 200,
                "legend.frameon": False,
                "legend.fontsize": 10,
                "legend.title_fontsize": 10,
                "pdf.fonttype": 42,
            },
        )
        yield
