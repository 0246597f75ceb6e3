"""Whether criteria apply to some data: one rule for every experiment.

They apply to networks of the experiment itself, with the task's parameters and the test
that they were fixed for: never to a variant, a changed task, another test, or animals.
"""

from collections.abc import Collection, Mapping

from metarl.analysis.data import ExperimentData


def why_unscored(
    tasks: Collection[str], published: Mapping[str, object], data: ExperimentData
) -> str:
    """Return why the criteria do not apply, in words; empty where they do.

    Args:
        tasks: names of the tasks that have criteria.
        published: parameters of the task that must have these values; empty: all
            parameters must be as the experiment declares them.
        data: the measured subjects.
    """
    here, subjects = data.task, data.subjects_are
    rules = [
        (bool(tasks), "there are no criteria"),
        (
            subjects == "networks",
            f"the criteria are for networks, these are {subjects}",
        ),
        (
            here in tasks,
            f"the criteria are for {', '.join(tasks)}, the run is of {here}",
        ),
        (
            data.as_published,
            data.departure or "the test is not the one that the criteria are for",
        ),
    ]
    broken = next((reason for kept, reason in rules if not kept), "")
    return broken or _changed_parameter(published or data.declared, data.parameters)


def _changed_parameter(
    needed: Mapping[str, object], parameters: Mapping[str, object]
) -> str:
    """Describe the first parameter with another value; empty if there is none."""
    if not needed:
        return "the task's parameters are not known"
    for name, value in needed.items():
        if name not in parameters or parameters[name] != value:
            now = parameters.get(name, "not known")
            return f"{name} is {now}, the criteria are for {value}"
    return ""
