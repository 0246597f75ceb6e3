"""Page of the report: its content, valid markup, and no external resources."""

import re
import shutil
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from toys import Lottery

from metarl.analysis.scoring import VERDICTS
from metarl.core.checks import MetaRLError
from metarl.core.files import read_json, write_json
from metarl.experiments.spec import preset
from metarl.reports.figures import HASHES_FILE, analyze
from metarl.reports.html.page import (
    duration,
    further,
    number,
    with_code,
    with_interval,
    write_page,
)
from metarl.runs.folder import create_run, load_run

VOID = {"meta", "img", "br", "link"}
COMMAND = "metarl reproduce --out '<script>alert(1)</script>'"


class Reader(HTMLParser):
    """Reads a page: its elements, and its words by element; refuses what is unclosed.

    `elements` are (tag, attributes, words); the words of what is inside are included.
    """

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        element = (tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, _, words in self.open:
            words.append(data)

    def all(self, tag):
        return [
            (attributes, " ".join("".join(words).split()))
            for name, attributes, words in self.elements
            if name == tag
        ]

    def words(self, tag):
        return [words for _, words in self.all(tag)]


@pytest.fixture(scope="module")
def folder(finished, tmp_path_factory):
    """Runs: analysed with artificial verdicts, only evaluated, only started."""
    folder = tmp_path_factory.mktemp("reproduced")
    for name in ("two-step", "evaluated"):
        shutil.copytree(finished.path, folder / name)
    path = analyze(load_run(folder / "two-step"))["effects"]
    rows = read_json(path)
    claims = ("Fig. 1", "Fig. 1", "Fig. 2", "", "")
    for row, verdict, claim in zip(rows, VERDICTS, claims, strict=False):
        row |= {"verdict": verdict, "claim": claim}
    write_json(path, rows)
    path.with_name(HASHES_FILE).unlink()
    for subject in load_run(folder / "two-step").subjects:
        subject.cost_path.unlink()
    create_run(folder / "bandit", preset("bandit"))
    return folder


def runs_in(folder):
    return {
        name: load_run(folder / name) for name in ("two-step", "evaluated", "bandit")
    }


def write(folder, name="report.html"):
    failures = {"bandit, subject 1": "the process was killed & <b>gone</b>"}
    path = folder / name
    assert write_page(path, runs_in(folder), command=COMMAND, failures=failures) == path
    return path


@pytest.fixture(scope="module")
def text(folder):
    return write(folder).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Reader(text)


# Whole


def test_nothing_is_fetched_and_nothing_runs(page, text):
    for tag, attributes, _ in page.elements:
        assert tag not in ("script", "link", "iframe", "object", "embed")
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert attributes.get("href", "#").startswith("#")
        assert not {"style", "srcset", "action"} & set(attributes)
    (style,) = page.words("style")
    assert "url(" not in style
    assert "@import" not in style


def test_every_link_leads_somewhere_on_the_page(page):
    names = [
        attributes["id"] for _, attributes, _ in page.elements if "id" in attributes
    ]
    assert len(set(names)) == len(names)
    links = {attributes["href"][1:] for attributes, _ in page.all("a")}
    assert links <= set(names)
    assert {"scorecard", "failures", "two-step", "evaluated", "bandit"} <= links


def test_pictures_have_words_and_tables_have_headings(page):
    pictures = page.all("img")
    assert len(pictures) == 3 + 2 + 1
    assert all(len(attributes["alt"]) > 40 for attributes, _ in pictures)
    assert all("scope" in attributes for attributes, _ in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))


def test_headings_do_not_leave_out_a_level(page):
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_same_folders_give_the_same_bytes(folder, text):
    assert write(folder, "again.html").read_text(encoding="utf-8") == text


# What is on it


def test_what_the_user_typed_stays_text(page, text):
    assert COMMAND in page.words("code")
    assert "<script" not in text
    assert "bandit, subject 1: the process was killed & <b>gone</b>" in page.words("li")


def test_every_effect_stands_with_its_verdict_twice(folder, page):
    table_rows = page.words("tr")
    for row in read_json(folder / "two-step/analysis/effects.json"):
        wanted = re.escape(row["effect"]) + " .* " + re.escape(row["verdict"])
        here = [words for words in table_rows if re.fullmatch(wanted, words)]
        assert len(here) == 2
        assert all(with_interval(row) in words for words in here)


def test_scored_effects_come_first_and_reported_ones_fold_away(folder, page):
    rows = read_json(folder / "two-step/analysis/effects.json")
    (folded,) = page.words("details")
    for row in rows:
        inside = f"{row['effect']} {with_interval(row)}" in folded
        assert inside == (row["verdict"] == "REPORTED")


def test_verdicts_are_counted(folder, page):
    effects = read_json(folder / "two-step/analysis/effects.json")
    counts = Counter(effect["verdict"] for effect in effects)
    assert set(counts) == set(VERDICTS)
    rows = page.words("tr")
    passed, failed, *others = (counts[verdict] for verdict in VERDICTS)
    rest = " ".join(map(str, others))
    assert f"two-step {passed} {failed} {rest}" in rows
    assert "bandit 0 1 0 0 0" in rows
    assert f"All {passed} {failed + 2} {rest}" in rows
    line = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
    assert f"two-step: claims 1 FAIL, 1 MISSING; rows {line}" in page.words("li")
    assert "two-step 0 1 1 0" in rows
    assert "All 0 1 1 0" in rows


def test_claims_and_diagnostics_are_two_tables(folder, page):
    effects = read_json(folder / "two-step/analysis/effects.json")
    claims, ours = (
        next(words for words in page.words("table") if words.startswith(heading))
        for heading in ("Published claims: effects", "Diagnostics of ours.")
    )
    for row in effects:
        cells = f"{row['effect']} {with_interval(row)}"
        scored = row["verdict"] != "REPORTED"
        assert (cells in claims) == (scored and row["claim"] != "")
        assert (cells in ours) == (scored and row["claim"] == "")
        assert row["claim"] in claims or not scored


def test_an_experiment_has_its_question_rules_and_provenance(page, folder):
    sections = {a.get("id"): words for a, words in page.all("section")}
    said = sections["two-step"]
    run = load_run(folder / "two-step")
    for wanted in (
        "follow a model of the task",
        "Observation one-hot [fixation, first stage, S1, S2]",
        "terminates after trial_count trials",
        "metarl train two-step --preset smoke --subjects 2 --seed 1 --out two-step",
        "task_params.trial_count was 100, is 6",
        run.evaluation(1).metadata["weights_after"][:16] + " unchanged",
        f"{run.config.training.steps:,}",
        f"torch {read_json(run.subject(0).path / 'versions.json')['torch']}",
    ):
        assert wanted in said
    assert "CPU" not in said
    assert "run metarl analyze" in sections["evaluated"]
    assert "has no evaluation" in sections["bandit"]
    assert "no-reward the reward is not an input" in sections["bandit"]
    assert "cannot learn from it missing: not trained" in sections["bandit"]


def test_known_times_are_shown(folder, tmp_path):
    shutil.copytree(folder / "two-step", tmp_path / "two-step")
    run = load_run(tmp_path / "two-step")
    write_json(run.subject(0).cost_path, {"cpu_seconds": 90.4, "wall_seconds": 1234.0})
    facts = run.evaluation(1).metadata
    write_json(run.evaluation(1).metadata_path, {**facts, "weights_after": "0" * 64})
    path = write_page(tmp_path / "x.html", {"two-step": run}, command="", failures={})
    rows = Reader(path.read_text(encoding="utf-8")).words("tr")
    assert any("90 s (1.5 min) 1,234 s (20.6 min)" in words for words in rows)
    assert any(words.endswith("0" * 16 + " CHANGED") for words in rows)


def test_nothing_failed_means_no_such_section(folder, tmp_path):
    runs = {"bandit": load_run(folder / "bandit")}
    path = write_page(tmp_path / "x.html", runs, command="", failures={})
    assert ">Failures<" not in path.read_text(encoding="utf-8")


def test_a_task_of_ones_own_is_refused(tmp_path):
    config = replace(
        preset("bandit"), task="toys:Lottery", task_params=Lottery.params_type()
    )
    runs = {"mine": create_run(tmp_path / "mine", config)}
    with pytest.raises(
        MetaRLError, match="mine is a run of toys:Lottery, which has no"
    ):
        write_page(tmp_path / "x.html", runs, command="", failures={})


def test_damaged_effects_are_named(folder, tmp_path):
    shutil.copytree(folder / "two-step", tmp_path / "two-step")
    (tmp_path / "two-step/analysis/effects.json").write_text("[{")
    runs = {"two-step": load_run(tmp_path / "two-step")}
    with pytest.raises(MetaRLError, match=r"effects.json is not readable JSON"):
        write_page(tmp_path / "x.html", runs, command="", failures={})


# Words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"),
        (0, "0.000"),
        (0.71232, "0.712"),
        (-4.3384, "-4.338"),
        (70.4383, "70.44"),
        (123.45, "123.5"),
        (109_216.4, "109,216"),
        (5.8e-07, "5.8e-07"),
        (-0.0004, "-4.0e-04"),
    ],
)
def test_numbers_have_the_digits_that_tell(value, words):
    assert number(value) == words


@pytest.mark.parametrize(
    ("value", "low", "high", "words"),
    [
        (70.4383, 9.0618, 171.8148, "70.44 [9.06, 171.81]"),
        (0.0004, -0.004, 0.0048, "0.000 [-0.004, 0.005]"),
        (0.5, None, None, "0.500"),
        (None, None, None, "-"),
    ],
)
def test_an_interval_has_the_digits_of_its_value(value, low, high, words):
    assert with_interval({"value": value, "low": low, "high": high}) == words


def test_uninformative_columns_are_left_out():
    row = {
        "learned": 2,
        "subjects": 2,
        "value_learners": 0.5,
        "chance": None,
        "p": None,
        "p_holm": None,
    }
    assert further([row]) == {}
    assert list(further([row, row | {"learned": 1}])) == ["value_learners"]
    assert list(further([row | {"chance": 0.5}])) == ["chance"]
    simulated = row | {"learned": None, "value_learners": None, "p": 0.1}
    assert further([simulated]) == {"p": "p"}
    claim = simulated | {"p_holm": 0.2}
    assert further([claim]) == {"p": "p", "p_holm": "p, Holm"}


def test_code_is_marked_and_all_else_is_escaped():
    assert with_code("`a<b` & <i>") == "<code>a&lt;b</code> &amp; &lt;i&gt;"


def test_a_duration_is_in_seconds_and_minutes():
    assert duration(5_400) == "5,400 s (90.0 min)"
