"""A page an experiment, from the task itself: nothing about a task is written twice."""

import dataclasses
import inspect
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from generators.fields import field_docstrings
from generators.markdown import code, page, plain, section, table, terms
from metarl.agents.config import Schedule
from metarl.analysis.criteria import criteria_table
from metarl.core.docstrings import introduction, paragraphs, sections
from metarl.envs.registry import NAMES, gymnasium_id, task_class
from metarl.envs.task import Task
from metarl.experiments.spec import Variant, all_experiments, experiment, preset
from metarl.reports.figures import analysis_of
from metarl.reports.task_diagram import draw_timing
from metarl.runs.config import EvaluationConfig

DOCS = Path(__file__).resolve().parents[1]
PICTURES = DOCS / "generated" / "timing"
PARTS = ("network", "learning", "training")
"""Parts of a preset, but for the task's own parameters."""


def experiment_page(name: str) -> str:
    """Everything that code says of one task, as Markdown."""
    title, lead = headline(name)
    return page(
        f"# {title}",
        lead,
        figures(name),
        _task(name),
        section("Parameters", parameters(task_class(name).params_type)),
        section("Tests", tests(name)),
        section("Variants", variants(name)),
        section("Presets", presets(name)),
        section("Notes", notes(name)),
        section("Baselines", baselines(name)),
        section("Criteria", criteria(name)),
        section("Run it", command(name)),
    )


def headline(name: str) -> tuple[str, str]:
    """Title and lead of a task: its module's first line, and where it comes from."""
    module = inspect.getmodule(task_class(name))
    title, _, lead = (inspect.getdoc(module) or "").splitlines()[0].partition(": ")
    asked = experiment(name)
    return title, page(
        f"{lead[:1].upper()}{lead[1:]}" if lead else "",
        f"`{name}`, Gymnasium id `{gymnasium_id(name)}`. After {plain(asked.source)}.",
        f"*{plain(asked.question)}*",
    ).rstrip()


def figures(name: str) -> str:
    """The pictures of a task that there are."""
    stem = name.replace("-", "_")
    found = [path for kind in ("png", "gif") for path in DOCS.glob(f"{stem}.{kind}")]
    return "\n\n".join(picture(name, path) for path in found)


def picture(words: str, path: Path) -> str:
    """A picture that leads to itself in full size."""
    place = path.relative_to(DOCS).as_posix()
    options = f":alt: {words}\n:target: ../../_images/{path.name}"
    return f"```{{image}} /{place}\n{options}\n```"


def _task(name: str) -> str:
    kind, task = task_class(name), small_task(name)
    facts = {
        "Steps of a trial": ", ".join(task.event_names),
        "Entries of an observation": ", ".join(task.observation_names),
        "Names of the actions": ", ".join(task.action_names),
        "Range of a step's reward": "{:g} to {:g}".format(*task.reward_range),
        "What `reset(options=...)` can fix": ", ".join(map(code, task.option_names)),
    }
    shown = {label: text for label, text in facts.items() if text}
    where = f"{kind.__module__}.{kind.__qualname__}"
    return section(
        "The task",
        *(plain(paragraph) for paragraph in introduction(kind)),
        timing(name),
        terms(sections(kind)),
        section("In code", f"{{py:class}}`{where}`", terms(shown), level=3),
    )


@cache
def small_task(name: str) -> Task[Any]:
    """One environment; as in `fast`, for Harlow's pictures are long to draw."""
    task: Task[Any] = task_class(name)(1, preset(name).task_params)
    return task


def parameters(kind: type) -> str:
    """The fields of a dataclass, their defaults and what they are."""
    meanings = field_docstrings(kind)
    rows = [
        (code(field.name), code(repr(field.default)), plain(meanings[field.name]))
        for field in dataclasses.fields(kind)
    ]
    return table(("parameter", "default", "meaning"), rows)


def tests(name: str) -> str:
    """The tests of the frozen networks."""
    asked = experiment(name)
    rows = [_test_row(k, test) for k, test in asked.tests.items()]
    if asked.snapshot_test is not None:
        rows.append(_test_row("of every snapshot", asked.snapshot_test))
    return table(("test", "episodes", "recorded", "how"), rows)


def _test_row(name: str, test: EvaluationConfig) -> tuple[str, ...]:
    usual, plain = EvaluationConfig().to_plain(), test.to_plain()
    differs = {k: v for k, v in plain.items() if "episodes" not in k and v != usual[k]}
    how = [shown(field, value) for field, value in differs.items()]
    recorded = min(test.record_episodes, test.episodes)
    return code(name), f"{test.episodes:,}", f"{recorded:,}", "; ".join(how)


def shown(name: str, value: object) -> str:
    """A setting that differs, in words."""
    if value is True:
        return name.replace("_", " ")
    values = value if isinstance(value, list) else [value]
    return f"{name.replace('_', ' ')} {', '.join(code(each) for each in values)}"


def variants(name: str) -> str:
    """The same networks, but trained differently."""
    there = experiment(name).variants
    rows = [(code(k), plain(v.why), _trained(v), _taken(v)) for k, v in there.items()]
    return table(("variant", "why", "trained with", "tests"), rows)


def _trained(variant: Variant) -> str:
    parts = (variant.task, variant.network, variant.learning, variant.training)
    fields = [code(f"{k}={v}") for part in parts for k, v in part.items()]
    scales = {"units": variant.scale_units, "updates": variant.scale_updates}
    scaled = [f"{v:.3g} times the {k}" for k, v in scales.items() if v != 1]
    return ", ".join([*fields, *scaled])


def _taken(variant: Variant) -> str:
    return ", ".join(map(code, variant.tests))


def presets(name: str) -> str:
    """The settings of each preset that are not a field's default."""
    columns = {title: flat(name, title) for title in experiment(name).presets}
    usual = flat_defaults(name)
    everything = dict.fromkeys(k for column in columns.values() for k in column)
    rows = [
        (code(k), *(code(column[k]) for column in columns.values()))
        for k in everything
        if any(column[k] != usual[k] for column in columns.values())
    ]
    return table(("setting", *columns), rows)


def notes(name: str) -> str:
    """How training and tests follow the source."""
    found = paragraphs(experiment(name).notes)
    return "\n".join(f"- *{label}*: {plain(text)}" for label, text in found)


def flat(name: str, title: str) -> dict[str, str]:
    """Every setting of a preset, by its name on the command line."""
    config = preset(name, title)
    parts = {"task": config.task_params, **{k: getattr(config, k) for k in PARTS}}
    return _flat(parts)


def flat_defaults(name: str) -> dict[str, str]:
    """The same of the settings' own defaults."""
    config = preset(name)
    kinds = {"task": config.task_params, **{k: getattr(config, k) for k in PARTS}}
    return _flat({part: type(value)() for part, value in kinds.items()})


def _flat(parts: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{part}.{field.name}": in_words(getattr(value, field.name))
        for part, value in parts.items()
        for field in dataclasses.fields(value)
    }


def in_words(value: object) -> str:
    """A setting's value; of a schedule, where it starts, ends and gets there."""
    if not isinstance(value, Schedule):
        return str(value)
    if value.start == value.end:
        return f"{value.start:g}"
    first = "" if value.fraction == 1 else f" in {value.fraction:.0%}"
    return f"{value.start:g} to {value.end:g}{first}"


def baselines(name: str) -> str:
    """The baselines of the same task, by their docstrings."""
    found = experiment(name).make_baselines(small_task(name))
    rows = [(code(k), plain(_first_line(policy))) for k, policy in found.items()]
    return table(("baseline", "what it does"), rows)


def _first_line(policy: object) -> str:
    return (inspect.getdoc(type(policy)) or "").splitlines()[0]


def criteria(name: str) -> str:
    """What networks must show; `learned` says when one has learned."""
    every = criteria_table(analysis_of(name).criteria)
    rows = every[every["experiment"] == name].drop(columns="experiment")
    return table(("effect", "must be", "why"), _plain_rows(rows))


def _plain_rows(rows: pd.DataFrame) -> list[list[str]]:
    return [[plain(str(cell)) for cell in row] for row in rows.to_numpy()]


def criteria_page() -> str:
    """The table of every criterion."""
    return page(
        "# Criteria",
        "What frozen networks must show, in one table, fixed before the results that "
        "it judges. `learned` says when a network counts as having learned its task.",
        *(section(headline(name)[0], criteria(name)) for name in NAMES),
    )


def command(name: str) -> str:
    """The line that makes all of it."""
    varied = " --variants" if experiment(name).variants else ""
    return f"```shell\nmetarl reproduce {name}{varied}\n```"


def timing(name: str) -> str:
    """The timing diagram, drawn from the task while the page is made."""
    diagram = draw_timing(preset(name))
    assert diagram is not None
    path = PICTURES / f"timing-{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    diagram.figure.savefig(path, dpi=110)
    return page(
        picture(diagram.words, path),
        f"An episode's first steps, answered by `{diagram.baseline}`, with the "
        "parameters of preset `fast`.",
    ).rstrip()


def experiment_pages() -> dict[str, str]:
    """Every experiment's page by its name, and the page that lists them."""
    pages = {name: experiment_page(name) for name in NAMES}
    rows = [
        (f"[{headline(name)[0]}]({name}.md)", code(name), plain(each.source))
        for name, each in all_experiments().items()
    ]
    listed = "\n".join(["```{toctree}", ":hidden:", "", *NAMES, "```"])
    index = page(
        "# Experiments",
        "Each page is made from the task's own code when the site is built.",
        table(("experiment", "name", "after"), rows),
        listed,
    )
    return {"index": index, **pages}
