"""Words for the subjects of an analysis, whichever they are."""

import re
from collections.abc import Mapping
from types import MappingProxyType

NETWORKS = "networks"
"""Kind of the subjects of a run; every other word is the user's."""
IRREGULAR: Mapping[str, str] = MappingProxyType(
    {
        "people": "person",
        "mice": "mouse",
        "children": "child",
        "men": "man",
        "women": "woman",
        "geese": "goose",
        "oxen": "ox",
        "flies": "fly",
        "mosquitoes": "mosquito",
        "octopuses": "octopus",
        "rhesus": "rhesus",
    }
)
"""Last word of a plural -> its singular, where no rule gives it."""


def singular(kind: str) -> str:
    """Singular of a plural: "mice" is "mouse", "old people" is "old person"."""
    before, last = re.fullmatch(r"(.*?)(\w*)", kind.strip(), re.DOTALL).groups()  # type: ignore[union-attr]
    if (word := IRREGULAR.get(last.lower())) is not None:
        return before + (word.capitalize() if last[:1].isupper() else word)
    for ending, instead in (
        (r"men$", "man"),
        (r"ies$", "y"),
        (r"(?<=ss|sh|ch)es$", ""),
        (r"(?<=[xz])es$", ""),
        (r"(?<=[^o]us)es$", ""),
        (r"(?<!s)s$", ""),
    ):
        if re.search(ending, last):
            return before + re.sub(ending, instead, last)
    return before + last


def possessive(kind: str) -> str:
    """Possessive of a plural: "mice's", "monkeys'"."""
    return f"{kind}'" if kind.endswith("s") else f"{kind}'s"


def with_count(kind: str, count: int) -> str:
    """Kind and number: "people (n = 24)", "person (n = 1)"."""
    return f"{kind if count != 1 else singular(kind)} (n = {count})"


def in_words_of(kind: str, label: str) -> str:
    """A label about networks as one about other subjects.

    Args:
        kind: of the subjects, in the plural.
        label: in the words of networks, as "r, lowest network".

    Returns:
        The label about these subjects, as "r, lowest of the people".
    """
    if kind == NETWORKS:
        return label
    words = re.sub(r"\b(lowest|highest) network\b", rf"\1 of the {kind}", label)
    words = re.sub(r"\bnetworks'", possessive(kind), words)
    words = re.sub(r"\bnetworks\b", kind, words)
    return re.sub(r"\bnetwork\b", singular(kind), words)
