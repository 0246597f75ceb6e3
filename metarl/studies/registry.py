"""The catalogue of studies: a new one is a module beside this one, and an entry here.

Strings alone, so that the command line can list them without torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from metarl.core.checks import check_choice

if TYPE_CHECKING:
    from metarl.studies.spec import Study


@dataclass(frozen=True, kw_only=True)
class StudyEntry:
    """A study in words."""

    module: str
    """Where it stands."""
    question: str
    """What it asks, in one sentence."""
    source: str
    """Whose idea it is."""


STUDIES: Mapping[str, StudyEntry] = MappingProxyType(
    {
        "learning-rules": StudyEntry(
            module="metarl.studies.learning_rules.study",
            question="Does it have to be backpropagation through time?",
            source="Bellec et al. 2020; Lillicrap et al. 2016; Miconi 2017",
        ),
        "costs-by-area": StudyEntry(
            module="metarl.studies.costs_by_area.study",
            question="Must one cost be sent end to end, or may areas have their own?",
            source="Marblestone, Wayne & Kording 2016",
        ),
        "curriculum": StudyEntry(
            module="metarl.studies.curriculum.study",
            question="Do parts, learned first, make a whole task easier?",
            source="Marblestone, Wayne & Kording 2016; Hocker et al. 2025",
        ),
        "optimizers": StudyEntry(
            module="metarl.studies.optimizers.study",
            question="Does a learning rate that follows the optimizer's regret RPE "
            "make weight perturbation quicker, and less dependent on its first rate?",
            source="Nambusubramaniyan et al. 2025, arXiv:2510.22178 (reconstructed "
            "from the abstract)",
        ),
        "hippocampal-replay": StudyEntry(
            module="metarl.studies.hippocampal_replay.study",
            question="Are memories replayed in the order of what they are worth?",
            source="Mattar & Daw 2018; Schaul et al. 2016",
        ),
        "rest-replay": StudyEntry(
            module="metarl.studies.rest_replay.study",
            question="Is replay a movie of what was seen, or imagined by a rule?",
            source="Liu, Dolan, Kurth-Nelson & Behrens 2019",
        ),
        "episodic-memory": StudyEntry(
            module="metarl.studies.episodic_memory.study",
            question="Is a problem that comes back known at once from its context?",
            source="Ritter et al. 2018, ICML",
        ),
        "agent-replay": StudyEntry(
            module="metarl.studies.agent_replay.study",
            question="Does living through episodes again teach an agent sooner?",
            source="Espeholt et al. 2018; Schaul et al. 2016; Kurth-Nelson & Dabney",
        ),
        "continual-learning": StudyEntry(
            module="metarl.studies.continual_learning.study",
            question="Does replay keep what a second task would overwrite?",
            source="Rolnick et al. 2019",
        ),
        "evolution": StudyEntry(
            module="metarl.studies.evolution.study",
            question="What can be shaped by evolution, without any error in a life?",
            source="Salimans et al. 2017; Gajewski et al. 2019 (EvoGrad)",
        ),
    }
)
"""Studies by name, in the order in which they are told."""


def study(name: str) -> "Study":
    """A study's module.

    Raises:
        ValueError: there is none of this name.
    """
    check_choice("study", name, STUDIES)
    return cast("Study", import_module(STUDIES[name].module))
