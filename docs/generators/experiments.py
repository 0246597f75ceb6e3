"""Page of each experiment, generated from the code of its task."""

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
from metarl.reports.task_diagram import draw_task_diagram
from metarl.runs.config import TEST, EvaluationConfig, change_params

DOCS = Path(__file__).resolve().parents[1]
PICTURES = DOCS / "generated" / "diagrams"
CONFIGURATIONS = ("network", "learning", "training")
"""Configurations in a preset, except the parameters of the task."""


def experiment_page(name: str) -> str:
    """Return the page of one experiment as Markdown."""
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
    """Return title and lead of a task: first line of its module, source, question."""
    module = inspect.getmodule(task_class(name))
    title, _, lead = (inspect.getdoc(module) or "").splitlines()[0].partition(": ")
    described = experiment(name)
    return title, page(
        f"{lead[:1].upper()}{lead[1:]}" if lead else "",
        f"`{name}`, Gymnasium id `{gymnasium_id(name)}`. "
        f"After {plain(described.source)}.",
        f"*{plain(described.question)}*",
    ).rstrip()


def figures(name: str) -> str:
    """Return the existing pictures of a task."""
    stem = name.replace("-", "_")
    paths = [path for kind in ("png", "gif") for path in DOCS.glob(f"{stem}.{kind}")]
    return "\n\n".join(picture(name, path) for path in paths)


def picture(words: str, path: Path) -> str:
    """Return a picture with a link to its full size."""
    place = path.relative_to(DOCS).as_posix()
    options = f":alt: {words}\n:target: ../../_images/{path.name}"
    return f"```{{image}} /{place}\n{options}\n```"


def _task(name: str) -> str:
    kind, task = task_class(name), small_task(name)
    properties = {
        "Events of a trial": ", ".join(task.event_names),
        "Entries of an observation": ", ".join(task.observation_names),
        "Names of the actions": ", ".join(task.action_names),
        "Range of a step's reward": "{:g} to {:g}".format(*task.reward_range),
        "Options of `reset(options=...)`": ", ".join(map(code, task.option_names)),
    }
    shown = {label: text for label, text in properties.items() if text}
    where = f"{kind.__module__}.{kind.__qualname__}"
    return section(
        "The task",
        *(plain(paragraph) for paragraph in introduction(kind)),
        diagram(name),
        terms(sections(kind)),
        section("In code", f"{{py:class}}`{where}`", terms(shown), level=3),
    )


@cache
def small_task(name: str) -> Task[Any]:
    """Return one environment with preset `fast`; full pictures of Harlow take long."""
    task: Task[Any] = task_class(name)(1, preset(name).task_params)
    return task


def parameters(kind: type) -> str:
    """Return a table of the fields of a dataclass, with defaults and meanings."""
    meanings = field_docstrings(kind)
    rows = [
        (code(field.name), code(repr(field.default)), plain(meanings[field.name]))
        for field in dataclasses.fields(kind)
    ]
    return table(("parameter", "default", "meaning"), rows)


def tests(name: str) -> str:
    """Return a table of the tests of the frozen networks."""
    described = experiment(name)
    rows = [_test_row(k, test) for k, test in described.tests.items()]
    if described.snapshot_test is not None:
        rows.append(_test_row("of every snapshot", described.snapshot_test))
    return table(("test", "episodes", "recorded", "settings"), rows)


def _test_row(name: str, test: EvaluationConfig) -> tuple[str, ...]:
    default = EvaluationConfig().to_plain()
    changes = {k: v for k, v in test.to_plain().items() if v != default[k]}
    differs = {k: v for k, v in changes.items() if "episodes" not in k}
    settings = [shown(field, value) for field, value in differs.items()]
    recorded = min(test.record_episodes, test.episodes)
    return code(name), f"{test.episodes:,}", f"{recorded:,}", "; ".join(settings)


def shown(name: str, value: object) -> str:
    """Describe a changed setting in words."""
    if value is True:
        return name.replace("_", " ")
    values = value if isinstance(value, list) else [value]
    return f"{name.replace('_', ' ')} {', '.join(code(each) for each in values)}"


def variants(name: str) -> str:
    """Return a table of the variants."""
    known = experiment(name).variants
    rows = [(code(k), plain(v.why), _trained(v), _tests(v)) for k, v in known.items()]
    return table(("variant", "why", "trained with", "tests"), rows)


def _trained(variant: Variant) -> str:
    changes = (variant.task, variant.network, variant.learning, variant.training)
    fields = [code(f"{k}={v}") for change in changes for k, v in change.items()]
    scales = {"units": variant.scale_units, "updates": variant.scale_updates}
    scaled = [f"{v:.3g} times the {k}" for k, v in scales.items() if v != 1]
    return ", ".join([*fields, *scaled])


def _tests(variant: Variant) -> str:
    return ", ".join(map(code, variant.tests))


def presets(name: str) -> str:
    """Return a table of the settings of each preset that are not defaults."""
    columns = {title: flat(name, title) for title in experiment(name).presets}
    default = flat_defaults(name)
    everything = dict.fromkeys(k for column in columns.values() for k in column)
    rows = [
        (code(k), *(code(column[k]) for column in columns.values()))
        for k in everything
        if any(column[k] != default[k] for column in columns.values())
    ]
    return table(("setting", *columns), rows)


def notes(name: str) -> str:
    """Return the notes on training and tests."""
    labelled = paragraphs(experiment(name).notes)
    return "\n".join(f"- *{label}*: {plain(text)}" for label, text in labelled)


def flat(name: str, title: str) -> dict[str, str]:
    """Return every setting of a preset, by its name on the command line."""
    config = preset(name, title)
    values = {k: getattr(config, k) for k in CONFIGURATIONS}
    return _flat({"task": config.task_params, **values})


def flat_defaults(name: str) -> dict[str, str]:
    """Return the default of every setting, by its name on the command line."""
    config = preset(name)
    values = {k: getattr(config, k) for k in CONFIGURATIONS}
    values = {"task": config.task_params, **values}
    return _flat({name: type(value)() for name, value in values.items()})


def _flat(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{name}.{field.name}": in_words(getattr(value, field.name))
        for name, value in values.items()
        for field in dataclasses.fields(value)
    }


def in_words(value: object) -> str:
    """Format the value of a setting; of a schedule, start, end and duration."""
    if not isinstance(value, Schedule):
        return str(value)
    if value.start == value.end:
        return f"{value.start:g}"
    first = "" if value.fraction == 1 else f" in {value.fraction:.0%}"
    return f"{value.start:g} to {value.end:g}{first}"


def baselines(name: str) -> str:
    """Return a table of the baselines of all tests, by the first docstring lines."""
    described = experiment(name)
    policies = described.make_baselines(small_task(name))
    for test in described.baseline_tests:
        if test != TEST:
            params = preset(name).task_params
            changed = change_params(params, described.tests[test].task)
            policies |= described.make_baselines(task_class(name)(1, changed))
    rows = [(code(k), plain(_first_line(policy))) for k, policy in policies.items()]
    return table(("baseline", "description"), rows)


def _first_line(policy: object) -> str:
    return (inspect.getdoc(type(policy)) or "").splitlines()[0]


def criteria(name: str) -> str:
    """Return a table of the criteria; `learned` is the criterion of learning."""
    every = criteria_table(analysis_of(name).criteria)
    rows = every[every["experiment"] == name].drop(columns="experiment")
    return table(("effect", "must be", "published claim", "why"), _plain_rows(rows))


def _plain_rows(rows: pd.DataFrame) -> list[list[str]]:
    return [[plain(str(cell)) for cell in row] for row in rows.to_numpy()]


def criteria_page() -> str:
    """Return the page of all criteria."""
    return page(
        "# Criteria",
        "Criteria for frozen networks, fixed before the results that they score. "
        "`learned` is the criterion for a network that has learned its task. A "
        "criterion without a [published claim](claims.md) is a diagnostic of ours, or "
        "a control ([How the numbers are made](../numbers.md)).",
        *(section(headline(name)[0], criteria(name)) for name in NAMES),
    )


def command(name: str) -> str:
    """Return the command that reproduces the experiment."""
    varied = " --variants" if experiment(name).variants else ""
    return f"```shell\nmetarl reproduce {name}{varied}\n```"


def diagram(name: str) -> str:
    """Draw the task diagram, and return the text that shows it."""
    drawn = draw_task_diagram(preset(name))
    assert drawn is not None
    path = PICTURES / f"diagram-{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.figure.savefig(path, dpi=110)
    return page(
        picture(drawn.words, path),
        f"First steps of an episode; `{drawn.baseline}` chooses the actions; "
        "parameters of preset `fast`.",
    ).rstrip()


def experiment_pages() -> dict[str, str]:
    """Return the page of every experiment by name, and the page that lists them."""
    pages = {name: experiment_page(name) for name in NAMES}
    rows = [
        (f"[{headline(name)[0]}]({name}.md)", code(name), plain(each.source))
        for name, each in all_experiments().items()
    ]
    listed = "\n".join(["```{toctree}", ":hidden:", "", *NAMES, "```"])
    index = page(
        "# Experiments",
        "Each page is generated from the code of the task when the site is built.",
        table(("experiment", "name", "after"), rows),
        listed,
    )
    return {"index": index, **pages}
