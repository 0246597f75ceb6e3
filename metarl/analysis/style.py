"""One style for every figure: a colour has the same meaning everywhere."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import matplotlib as mpl
import seaborn as sns

COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "agent": "#0072B2",
        "paper": "#222222",
        "own": "#882255",
        "animal": "#D55E00",
        "human": "#CC79A7",
        "optimum": "#009E73",
        "chance": "#8C8C8C",
        "model-free": "#E69F00",
        "second stage": "#0072B2",
        "reward": "#56B4E9",
        "variant": "#EE3377",
        "old cue": "#8C510A",
        "new cue": "#35978F",
        "A rewarded": "#5E3C99",
        "B rewarded": "#E08214",
        "rewarded": "#332288",
        "unrewarded": "#999933",
        "control": "#88CCEE",
        "risky win": "#882255",
        "safe reward": "#117733",
        "risky loss": "#AA4499",
    }
)
"""Item -> colour; distinguishable for colour-blind readers and on a projector.

Events of the agent are shades of the agent's blue. Sources: Okabe & Ito 2008, Color
Universal Design; cues, C. Brewer's BrBG and PuOr; from rewarded on, P. Tol's muted
scheme. A user's own subjects (own) are neither networks nor published ones.
"""

GROUP_COLOURS = (COLOURS["own"], "#8822EE", "#66BB66", "#880000", "#EEAAEE", "#886644")
"""Colours of groups of a user's own subjects.

They are at least 20 units (CIE 1976) from each other, and from networks, animals,
people and paper, for readers with and without each kind of colour blindness.
"""

BASELINE_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "random": COLOURS["chance"],
        "bayes-greedy": COLOURS["optimum"],
        "oracle": "#66C2A5",
        "sarsa": COLOURS["model-free"],
        "bayes-transitions": "#7570B3",
        "latent-state": "#CC6677",
        "model-free": COLOURS["model-free"],
        "model-based": "#7570B3",
        "kalman-greedy": COLOURS["optimum"],
        "bayes-optimal": "#005A43",
        "win-stay": COLOURS["model-free"],
        "larger-magnitude": "#CC6677",
        "rescorla-wagner": COLOURS["model-free"],
        "win-stay-lose-shift": "#661100",
        "informed": COLOURS["optimum"],
        "guesser": "#CC6677",
        "thompson": "#882255",
        "ucb": "#B58863",
        "ucb-tuned": "#7E6148",
        "greedy": "#999933",
        "gittins": "#44AA99",
        "ideal": COLOURS["optimum"],
        "counting": "#7570B3",
        "td": COLOURS["model-free"],
        "alternation": "#CC6677",
        "matching": "#DDCC77",
        "greedy-baited": "#66C2A5",
        "rich-then-poor": COLOURS["optimum"],
        "relation": COLOURS["model-free"],
        "mean-colour": "#7E6148",
        "networks, pictures": "#AA4499",
    }
)
"""Baseline -> colour."""


def baseline_colour(name: str) -> str:
    """Colour of a baseline; grey for one without its own."""
    return BASELINE_COLOURS.get(name, COLOURS["chance"])


BASELINE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "random": "random choice",
        "bayes-greedy": "Bayesian observer, greedy",
        "bayes-transitions": "Bayesian planner, infers transitions",
        "bayes-optimal": "Bayes-optimal",
        "oracle": "oracle",
        "sarsa": "SARSA (model-free)",
        "latent-state": "latent-state learner",
        "model-free": "model-free learner",
        "model-based": "model-based learner",
        "kalman-greedy": "Kalman filter with a plan",
        "win-stay": "win-stay",
        "win-stay-lose-shift": "win-stay, lose-shift",
        "larger-magnitude": "larger magnitude",
        "rescorla-wagner": "Rescorla-Wagner",
        "informed": "informative arm first",
        "guesser": "ordinary arms, one by one",
        "thompson": "Thompson sampling",
        "ucb": "UCB",
        "ucb-tuned": "UCB, tuned",
        "gittins": "Gittins indices",
        "ideal": "ideal observer",
        "counting": "ideal observer that counts trials",
        "td": "TD learning",
        "matching": "best fixed probability",
        "greedy-baited": "knows what is baited",
        "rich-then-poor": "best rich-then-poor chooser",
        "relation": "order by one feature",
        "mean-colour": "mean colour",
    }
)
"""Baseline -> its name in a figure, where it is another."""


def baseline_words(name: str) -> str:
    """Name of a baseline in a figure."""
    return BASELINE_WORDS.get(name, name)


@contextmanager
def figure_style(*, math: bool = False) -> Iterator[None]:
    """Fonts and sizes that can be read from the back of a lecture room.

    Use as `with figure_style(): ...`; the caller's own settings are restored
    afterwards.

    Args:
        math: whether text between two $ is a formula, as ticks of log axes are; names
            of a user's subjects, groups and units may hold a $.
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
                "text.parse_math": math,
            },
        )
        yield
