"""The registry of studies: a new study is a folder in this package, and a name here.

Names alone, so that the command line can list them without importing torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, cast

from metarl.core.checks import check_choice

if TYPE_CHECKING:
    from metarl.studies.spec import Study

NAMES = (
    "learning-rules",
    "costs-by-area",
    "curriculum",
    "optimizers",
    "hippocampal-replay",
    "rest-replay",
    "episodic-memory",
    "agent-replay",
    "continual-learning",
    "evolution",
    "plasticity",
)
"""Names of all studies, in the order in which they are reported."""


def get_study(name: str) -> "Study":
    """Import a study: the object `STUDY` of the module `study` in its folder.

    Args:
        name: one of NAMES; the folder has underscores in place of its hyphens.

    Raises:
        ValueError: there is no study of this name.
    """
    check_choice("study", name, NAMES)
    module = import_module(f"metarl.studies.{name.replace('-', '_')}.study")
    return cast("Study", module.STUDY)
