"""Pages generated from code have all the information in the code."""

import dataclasses
import importlib
import re
import sys
from pathlib import Path

import pytest
from code_blocks import blocks_of

import metarl
from metarl.analysis.claims import published_claims
from metarl.analysis.criteria import Criteria
from metarl.cli.main import COMMANDS
from metarl.core.docstrings import paragraphs, sections
from metarl.envs.registry import NAMES, gymnasium_id, task_class
from metarl.experiments.spec import experiment, preset
from metarl.reports.figures import analysis_of

DOCS = Path(__file__).parents[1] / "docs"
pytest.importorskip("sphinx")


@pytest.fixture(scope="module")
def generators():
    """The package that makes the pages."""
    sys.path.insert(0, str(DOCS))
    yield {
        name: importlib.import_module(f"generators.{name}")
        for name in (
            *("experiments", "departures", "reference", "layout", "commands"),
            *("columns", "claims", "results"),
        )
    }
    sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def pages(generators, tmp_path_factory):
    """Pages of the experiments, with pictures, but one, in another folder."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("docs")
    patch.setattr(generators["experiments"], "DOCS", folder)
    patch.setattr(generators["experiments"], "PICTURES", folder / "diagrams")
    for path in DOCS.glob("*.png"):
        if path.name != "daw_two_step.png":
            (folder / path.name).touch()
    yield generators["experiments"].experiment_pages()
    patch.undo()


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_what_the_task_and_its_experiment_say(name, pages, generators):
    page = pages[name].replace("\\", "")
    kind, asked = task_class(name), experiment(name)
    assert gymnasium_id(name) in page
    assert asked.question in page
    for label, text in sections(kind).items():
        assert f"{label}\n: {text}" in page
    for field in dataclasses.fields(kind.params_type):
        assert f"| `{field.name}` | `{field.default!r}` |" in page
    for test in asked.tests:
        assert f"| `{test}` |" in page
    for variant, stated in asked.variants.items():
        assert f"| `{variant}` | {stated.why} |" in page
    for label, text in paragraphs(asked.notes):
        assert f"- *{label}*: {text}" in page
    criteria = analysis_of(name).criteria.get(name, Criteria())
    for effect, rule in criteria.rules.items():
        assert f"| {effect} | " in page
        assert rule.why in page
    for baseline in asked.make_baselines(generators["experiments"].small_task(name)):
        assert f"| `{baseline}` | " in page


@pytest.mark.parametrize("name", NAMES)
def test_a_pages_presets_are_the_experiments(name, pages):
    lines = [line.split(" | ") for line in pages[name].splitlines()]
    rows = {cells[0].strip("| `"): cells[1:] for cells in lines if len(cells) > 1}
    order = [cell.strip(" |") for cell in rows["setting"]]
    assert order == list(experiment(name).presets)
    for number, title in enumerate(order):
        updates = preset(name, title).training.updates
        assert rows["training.updates"][number].strip("` |") == str(updates)


def test_a_page_shows_the_existing_figures_and_the_task_diagram(pages):
    figure, diagram = re.findall(r"{image} (\S+)\n:alt: (.*)\n", pages["reversal"])
    assert figure == ("/reversal.png", "reversal")
    assert diagram[0] == "/diagrams/diagram-reversal.png"
    assert re.match(r"step 1 .*reward.*; step 2 ", diagram[1])
    assert "daw_two_step.png" not in pages["daw-two-step"]


def test_a_page_has_the_baselines_of_further_tests(pages):
    assert "| `latent-state` | Infers by Bayes' rule which state" in pages["two-step"]
    assert "latent-state" not in pages["daw-two-step"]


def test_the_command_of_a_page_exists(pages):
    for name in NAMES:
        (block,) = (b for b in blocks_of(pages[name]) if b.kind == "shell")
        varied = " --variants" if experiment(name).variants else ""
        assert block.text == f"metarl reproduce {name}{varied}\n"
    assert "reproduce" in COMMANDS


def test_every_remark_of_the_code_is_on_the_page_of_departures(generators):
    page = generators["departures"].departures_page()
    written = {
        path: len(re.findall(r"\b(?:Departs|Declared): ", path.read_text()))
        for path in Path(metarl.__file__).parent.rglob("*.py")
        if path.name != "docstrings.py"
    }
    on_page = re.findall(r"^- \*(?:Departs|Declared)\*: (.*) \(`", page, re.MULTILINE)
    assert len(set(on_page)) == sum(written.values()) > 40


def test_a_remark_is_listed_under_its_experiment(generators):
    page_sections = generators["departures"].departures_page().split("\n## ")
    by_title = {part.partition("\n")[0]: part for part in page_sections}
    assert "no network was published" in by_title["The reversal task"]
    assert (
        "32 environments in place of 32 threads"
        in by_title["Harlow's learning sets from pixels"]
    )
    assert "stimulate on free trials only" in by_title["Risky choice"]
    assert "stimulate on free trials only" not in by_title["Every experiment"]
    assert "RMSProp's decay" in by_title["Every experiment"]


def test_help_is_what_each_command_prints(generators):
    for name in COMMANDS:
        words = [name, *generators["commands"].NEEDED.get(name, "").split()]
        text = generators["commands"].help_of(*words)
        assert f"usage: metarl {name}" in text or name == "tasks"
    assert "--task.probability-common" in generators["commands"].help_of(
        "train", "two-step"
    )
    assert f"```{{help}} {name}\n" in generators["commands"].commands_page()


def test_the_columns_of_own_data_are_those_of_the_schemas(generators):
    table = generators["columns"].columns_table()
    assert f"\n\n{table}\n\n" in (DOCS / "own_data.md").read_text("utf-8")


def test_every_module_is_in_the_reference(generators):
    pages = generators["reference"].reference_pages()
    described = re.findall(r"automodule:: (\S+)", "\n".join(pages.values()))
    assert len(described) == len(set(described))
    modules = {"metarl.analysis.reversal.behaviour", "metarl.analysis.reversal.plots"}
    assert modules <= set(described)
    assert "reversal.plots" in pages["metarl.analysis.reversal"]
    assert "metarl.analysis.reversal.plots" not in pages
    for name in metarl.__all__:
        assert f"autofunction:: metarl.{name}" in pages["index"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (["A sentence of |x|."], ["A sentence of \\|x\\|."]),
        (["Text", "", "    a = b"], ["Text", "", "::", "", "    a = b"]),
        (["rpe   the error"], ["::", "", "    rpe   the error"]),
        (
            ["Actions: left;", "    right.", "Source: x"],
            [":Actions: left;", "    right.", ":Source: x"],
        ),
        (["Declared: one", "line more."], [":Declared: one", "    line more."]),
        (
            ["As it is:", 'infos["x"]: y', "    z"],
            ["As it is:", "", ':infos["x"]: y', "    z"],
        ),
        (
            ["Args:", "    a: (B,) |a|.", "", "Source: x."],
            ["Args:", "    a: (B,) \\|a\\|.", "", ":Source: x."],
        ),
    ],
)
def test_a_docstring_keeps_its_layout(written, shown, generators):
    assert generators["layout"].as_written(written) == shown


def test_the_page_of_claims_has_each_with_its_criteria_or_why_it_is_missing(
    generators,
):
    page = generators["claims"].claims_page().replace("\\", "")
    tests = generators["claims"].criteria_of_claims()
    for name, claim in published_claims().items():
        (row,) = (line for line in page.splitlines() if line.startswith(f"| {name} |"))
        assert claim.says in row
        missing = f"MISSING: {claim.missing} |"
        assert row.endswith(missing) == (name not in tests)
    variant = "`bandit`: regret without reward input (variant no-reward)"
    assert variant in page
    criteria = analysis_of("two-step").criteria["two-step"].rules
    tested = [name for name, rule in criteria.items() if "5c" in rule.claim]
    assert tests["Wang et al. 2018, Fig. 5c"] == [f"`two-step`: {k}" for k in tested]


def test_the_scorecard_has_claims_apart_and_both_counts(generators):
    results = generators["results"]
    rows = results.read_rows(results.SCORECARD)
    claims = {row["claim"] for row in rows} - {""}
    assert claims <= set(published_claims())
    page = results.scorecard_page()
    assert f"| {len(claims)} PASS |" in page
    for claim in claims:
        shown = sum(line.startswith(f"| {claim} | ") for line in page.splitlines())
        assert shown == sum(row["claim"] == claim for row in rows)
    count = sum(row["claim"] != "" for row in rows)
    for path in (DOCS / "results" / "index.md", DOCS.parent / "README.md"):
        words = " ".join(path.read_text(encoding="utf-8").split())
        assert f"{count} test {len(claims)} published claims" in words
