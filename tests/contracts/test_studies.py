"""Promises of every registered study: it runs, stops, resumes, uses its criteria."""

import json
import pickle
import re
import shutil

import matplotlib.pyplot as plt
import pytest

from metarl.core.parallel import Interrupted, Reporter
from metarl.studies.registry import NAMES, get_study
from metarl.studies.runner import NeighboursPlan, compare_neighbours, read_results
from metarl.studies.spec import Scale

SMOKE = Scale(smoke=True)
SCALES = (Scale(), SMOKE, Scale(grid=True))
CONDITIONS = [
    pytest.param(name, condition, id=f"{name}-{condition}")
    for name in NAMES
    for condition in get_study(name).conditions(SMOKE)
]


def run(name, folder):
    plan = NeighboursPlan(studies=(name,), seeds=1, scale=SMOKE)
    return compare_neighbours(plan, folder, workers=1, show=False)


def seed_files(name, folder):
    return sorted(path for path in folder.glob(f"{name}/*/0.json"))


def read_seed(path):
    """Results without the processor time; NaN is equal to itself as text."""
    return repr(json.loads(path.read_text())["results"])


@pytest.fixture(scope="module", params=NAMES)
def smoke(request, tmp_path_factory):
    """Name of a study, and the folder and outcome of its smoke run."""
    folder = tmp_path_factory.mktemp("study")
    return request.param, folder, run(request.param, folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_study_is_found_by_its_name(name):
    study = get_study(name)
    assert study.name == name
    assert study.question.endswith("?")
    assert study.source
    assert study.criteria


def test_questions_are_different():
    assert len({get_study(name).question for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", SCALES, ids=["full", "smoke", "grid"])
def test_conditions_fit_a_folder_and_another_process(name, scale):
    conditions = get_study(name).conditions(scale)
    assert len(conditions) > 1
    for condition, compute in conditions.items():
        assert re.fullmatch(r"[a-z0-9-]+", condition)
        pickle.dumps(compute)


@pytest.mark.parametrize("name", NAMES)
def test_the_smoke_scale_has_the_conditions_of_the_study(name):
    study = get_study(name)
    assert list(study.conditions(SMOKE)) == list(study.conditions(Scale()))


@pytest.mark.parametrize(("name", "condition"), CONDITIONS)
def test_a_condition_stops_when_asked(name, condition):
    compute = get_study(name).conditions(SMOKE)[condition]
    with pytest.raises(Interrupted):
        compute(5, Reporter(should_stop=lambda: True))


def test_a_smoke_run_completes_and_scores_nothing(smoke):
    name, folder, outcome = smoke
    assert not outcome.failures
    assert len(seed_files(name, folder)) == len(get_study(name).conditions(SMOKE))
    card = json.loads((folder / "scorecard.json").read_text())
    assert {row["verdict"] for row in card} == {"REPORTED"}
    assert card == json.loads((folder / name / "effects.json").read_text())


def test_an_interrupted_run_resumes_with_the_same_results(smoke, tmp_path):
    """All seeds but the first condition's are repeated, and none of them differs."""
    name, folder, _ = smoke
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    first, *missing = seed_files(name, tmp_path)
    before = first.read_bytes()
    for path in missing:
        path.unlink()
    assert not run(name, tmp_path).failures
    assert first.read_bytes() == before
    for path in seed_files(name, folder):
        assert read_seed(tmp_path / path.relative_to(folder)) == read_seed(path)


def test_another_seed_gives_other_results(smoke):
    name, folder, _ = smoke
    condition, compute = next(iter(get_study(name).conditions(SMOKE).items()))
    other = compute(5, Reporter())
    assert repr(other) != read_seed(folder / name / condition / "0.json")


def smoke_results(smoke):
    name, folder, _ = smoke
    plan = NeighboursPlan(studies=(name,), seeds=1, scale=SMOKE)
    return get_study(name), read_results(plan, name, folder)


def test_effects_have_different_names_and_a_value_for_each_seed(smoke):
    study, results = smoke_results(smoke)
    effects = study.effects(results)
    assert len({effect.label for effect in effects}) == len(effects)
    # The processor time of evolution has a value for each seed, too.
    assert {len(effect.values) for effect in effects} <= {1, 2}


def test_every_criterion_is_used(smoke):
    study, results = smoke_results(smoke)
    used = {e.criterion.why for e in study.effects(results) if e.criterion}
    assert used == {criterion.why for criterion in study.criteria.values()}
    assert len(used) == len(study.criteria)


def test_tables_have_rows_and_no_column_twice(smoke):
    study, results = smoke_results(smoke)
    for table in study.tables(results).values():
        assert len(table)
        assert table.columns.is_unique


def test_figures_label_their_axes_and_have_different_panels(smoke):
    """Panels differ in their title or labels."""
    study, results = smoke_results(smoke)
    for title, figure in study.figures(results).items():
        assert re.fullmatch(r"[a-z0-9_-]+", title)
        labels = [
            (axes.get_title(), axes.get_xlabel(), axes.get_ylabel())
            for axes in figure.axes
        ]
        assert all(any(words) for words in labels)
        assert len(set(labels)) == len(labels)
        plt.close(figure)
