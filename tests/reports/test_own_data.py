"""A user's own trials: tables by subject, groups, traits and networks."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from matplotlib.container import BarContainer

import metarl
from metarl.analysis.style import COLOURS, GROUP_COLOURS
from metarl.cli.main import main
from metarl.core.checks import MetaRLError
from metarl.reports.figures import read_trials
from metarl.reports.own_data import analyze_trials

NAMES = ["4011612345", "anna", "bert", "cleo", "dora", "05"]


def headings(figure):
    """Headings of the panels, without their letters."""
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.axison]
    return [title.partition("  ")[2] for title in titles if title]


def own_table(sessions=1, seed=3):
    """Two-step trials of six people; the first half stays more after a reward."""
    random = np.random.default_rng(seed)
    rows = []
    for place, name in enumerate(NAMES):
        for session in range(sessions):
            choice = 0
            for trial in range(60):
                rare, reward = random.random() < 0.3, int(random.random() < 0.5)
                transition = "rare" if rare else "common"
                day = f"day {session + 1}"
                rows.append((name, day, trial, choice, reward, transition))
                stays = random.random() < (0.9 if reward and place < 3 else 0.5)
                choice = choice if stays else 1 - choice
    columns = ["subject", "session", "trial", "choice", "reward", "transition"]
    table = pd.DataFrame(rows, columns=columns)
    half = table["subject"].map(dict(zip(NAMES, "aaabbb", strict=True)))
    age = table["subject"].map(dict(zip(NAMES, [20, 30, 40, 55, 60, 70], strict=True)))
    return table.assign(half=half, age=age)


def stays_of(table, reward, transition):
    """Probability of staying after such a trial, counted separately, by subject."""
    keys = ["subject", "session"]
    before = table.groupby(keys, sort=False).shift()
    counts = (before["reward"] == reward) & (before["transition"] == transition)
    same = (table["choice"] == before["choice"])[counts]
    return same.groupby(table["subject"]).mean()


@pytest.fixture(scope="module")
def analysed():
    return analyze_trials(
        "two-step", own_table(), who="people", group="half", by=["age"]
    )


def test_every_subject_has_a_row_under_its_own_name(analysed):
    rows = analysed.tables["subjects"].set_index("name")
    assert set(rows.index) == set(NAMES)
    expected = stays_of(own_table(), 1, "common")
    assert rows["stays.rewarded.common"].to_dict() == pytest.approx(expected.to_dict())
    assert rows["age"].to_dict() == dict(
        zip(NAMES, [20, 30, 40, 55, 60, 70], strict=True)
    )
    assert rows["half"].to_dict() == dict(zip(NAMES, "aaabbb", strict=True))
    assert rows["sessions"].eq(1).all()
    assert rows["trials"].eq(60).all()
    assert rows["stay_regression.pairs"].eq(59).all()


def test_the_numbers_behind_the_effects_have_own_names_and_no_blank_effects(analysed):
    numbers = analysed.effects_by_subject
    assert list(numbers) == ["key", "effect", "subject", "name", "value"]
    assert set(numbers["name"]) == set(NAMES)
    assert set(numbers["key"]) == set(analysed.effects["key"])
    assert not numbers["key"].str.startswith("r2").any()
    assert "network" not in " ".join(numbers["effect"])
    assert numbers["effect"].str.endswith("lowest of the people").any()


def test_groups_differ_as_counted_separately(analysed):
    rows = analysed.tables["groups"]
    row = rows[rows["measure"] == "stays.rewarded.common"].iloc[0]
    stays = stays_of(own_table(), 1, "common")
    first, second = stays[NAMES[:3]], stays[NAMES[3:]]
    assert (row["first"], row["second"], row["main"]) == ("a", "b", True)
    assert (row["n_first"], row["n_second"]) == (3, 3)
    assert row["difference"] == pytest.approx(second.mean() - first.mean())
    assert row["low"] < row["difference"] < row["high"] < 0
    assert set(analysed.main) == set(rows.loc[rows["main"], "measure"])
    counts = [name for name in rows["measure"] if name.endswith(("pairs", "trials"))]
    assert counts == []


def test_a_trait_is_correlated_as_numpy_does(analysed):
    rows = analysed.tables["correlations"]
    row = rows[rows["measure"] == "stays.rewarded.common"].iloc[0]
    stays = stays_of(own_table(), 1, "common")[NAMES]
    r = np.corrcoef(stays, [20, 30, 40, 55, 60, 70])[0, 1]
    assert (row["covariate"], row["n"]) == ("age", 6)
    assert row["r"] == pytest.approx(r)


def test_each_group_has_its_colour_in_the_figure(analysed):
    ax = analysed.figure.axes[0]
    bars = {bars.get_label(): bars[0].get_facecolor() for bars in ax.containers if
            bars.get_label().startswith(("a (", "b ("))}  # fmt: skip
    assert list(bars) == ["a (n = 3)", "b (n = 3)"]
    for colour, expected in zip(bars.values(), GROUP_COLOURS, strict=False):
        assert same_color(colour[:3], expected)
    assert set(analysed.figures) == {"figure", "groups", "correlations"}


def test_titles_of_the_groups_panels_give_difference_and_p(analysed):
    ax = analysed.figures["groups"].axes[0]
    rows = analysed.tables["groups"].set_index("measure").loc[analysed.main[0]]
    texts = [text.get_text() for text in ax.texts]
    assert any(f"difference {rows['difference']:.2f} [" in text for text in texts)


@pytest.fixture(scope="module")
def several():
    return analyze_trials("two-step", own_table(sessions=3), who="people")


def test_sessions_are_summarised_within_people_and_then_over_people(several):
    table = own_table(sessions=3)
    rows = several.tables["sessions"]
    assert len(rows) == len(NAMES) * 3
    assert set(rows["session"]) == {"day 1", "day 2", "day 3"}
    one = rows[(rows["name"] == "anna") & (rows["session"] == "day 2")].iloc[0]
    part = table[(table["subject"] == "anna") & (table["session"] == "day 2")]
    assert one["stays.rewarded.rare"] == pytest.approx(stays_of(part, 1, "rare").item())
    behaviour = several.tables["behaviour"]
    cell = behaviour[(behaviour["reward"] == 1) & (behaviour["transition"] == "rare")]
    cell = cell.set_index("label")
    people = stays_of(table, 1, "rare")
    assert cell.loc["all subjects", "value"] == pytest.approx(people.mean())
    assert cell.loc["all subjects", ["n", "over"]].tolist() == [6, "subjects"]
    by_session = [
        stays_of(part, 1, "rare")["anna"] for _, part in table.groupby("session")
    ]
    assert cell.loc["anna", "value"] == pytest.approx(np.mean(by_session))
    assert cell.loc["anna", ["n", "over"]].tolist() == [3, "sessions"]
    assert several.tables["subjects"]["sessions"].eq(3).all()


def test_one_session_each_needs_no_table_of_sessions(analysed):
    assert "sessions" not in analysed.tables
    behaviour = analysed.tables["behaviour"]
    assert set(behaviour["label"]) == {"all subjects", "a", "b", *NAMES}


def test_everything_is_written_and_again_the_same(analysed, tmp_path):
    paths = analysed.save(tmp_path / "one")
    fresh = analyze_trials(
        "two-step", own_table(), who="people", group="half", by=["age"]
    )
    again = fresh.save(tmp_path / "two")
    files = {path.name for path in (tmp_path / "one").iterdir()}
    assert files == {
        *(f"{k}.{end}" for k in ("figure", "groups", "correlations") for end in
          ("png", "pdf")),
        *("behaviour.csv", "subjects.csv", "groups.csv", "correlations.csv"),
        *("effects.json", "effects_by_subject.csv", "hashes.json"),
    }  # fmt: skip
    for name, path in paths.items():
        assert again[name].read_bytes() == path.read_bytes(), name
    read = pd.read_csv(paths["subjects"], dtype={"name": str})
    assert sorted(read["name"]) == sorted(NAMES)
    rows = json.loads(paths["effects"].read_text())
    assert {row["verdict"] for row in rows} == {"REPORTED"}
    assert all(row["value"] is not None for row in rows)


def test_networks_are_drawn_too_in_their_own_colour(finished):
    analysed = metarl.analyze_trials(
        "two-step", own_table(), who="mice", beside=finished.path
    )
    ax = analysed.figure.axes[0]
    bars = {
        bars.get_label(): bars[0].get_facecolor()
        for bars in ax.containers
        if isinstance(bars, BarContainer)
    }
    own, networks = bars["mice (n = 6)"], bars["networks (n = 2)"]
    assert same_color(networks[:3], COLOURS["agent"])
    assert same_color(own[:3], COLOURS["own"])
    titles = headings(analysed.figure)
    assert "Weights of past trials: mice" in titles
    assert "Weights of past trials: networks" in titles
    rows = analysed.tables["beside"].set_index("measure")
    row = rows.loc["stay.rewarded_common.mean"]
    assert (row["first"], row["second"]) == ("mice", "networks")
    mean = stays_of(own_table(), 1, "common").mean()
    assert row["mean_first"] == pytest.approx(mean)
    assert (row["n_first"], row["n_second"]) == (6, 2)


def test_a_run_of_another_task_is_refused_beside(unlearned):
    blocks = pd.DataFrame(
        {"subject": "a", "trial": range(80), "choice": 0, "reward": 1, "better": 0}
    ).assign(schedule=80)
    with pytest.raises(MetaRLError, match="--beside must be a run of reversal, got on"):
        analyze_trials("reversal", blocks, beside=unlearned.path)


def test_subjects_without_a_group_are_named(tmp_path):
    table = own_table()
    table.loc[table["subject"] == "cleo", "half"] = None
    analysed = analyze_trials("two-step", table, group="half")
    assert "1 without half (cleo) is in no group" in analysed.notes
    rows = analysed.tables["groups"]
    assert rows["n_second"].max() == 2


def test_three_groups_say_what_is_done():
    table = own_table()
    three = dict(zip(NAMES, ["x", "x", "y", "y", "z", "z"], strict=True))
    table["arm"] = table["subject"].map(three)
    analysed = analyze_trials("two-step", table, group="arm")
    assert any("3 groups: every two are compared" in note for note in analysed.notes)
    assert len(analysed.tables["groups"].query("measure == @analysed.main[0]")) == 3


def test_groups_with_bare_numbers_are_named_with_their_column():
    table = own_table().assign(half=lambda t: (t["half"] == "b").astype(int))
    analysed = analyze_trials("two-step", table, group="half")
    labels = [bars.get_label() for bars in analysed.figure.axes[0].containers]
    assert labels[0] == "half 0 (n = 3)"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"group": "age"}, None),
        ({"group": "hald"}, "there is no column hald in the table; did you mean half"),
        ({"by": ["half"]}, "--by half must name a column of numbers, got 'b'"),
        ({"covariates": ["trial"]}, "column trial must be the same in all trials"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    options, sentence, tmp_path
):
    out = tmp_path / "out"
    if sentence is None:
        assert analyze_trials("two-step", own_table(), **options).figure
        return
    with pytest.raises(MetaRLError, match=sentence):
        analyze_trials("two-step", own_table(), out, **options)
    assert not out.exists()


def test_trials_without_the_outcome_are_refused_and_nothing_is_written(tmp_path):
    table = own_table().drop(columns="transition")
    with pytest.raises(MetaRLError, match="has no column transition"):
        analyze_trials("two-step", table, tmp_path / "none")
    assert not list(tmp_path.iterdir())


def test_the_command_writes_the_same_as_the_function(analysed, tmp_path, capsys):
    own_table().to_csv(tmp_path / "own.csv", index=False)
    words = f"animals two-step --data {tmp_path / 'own.csv'} --who people --group half"
    assert main([*words.split(), "--by", "age", "--out", str(tmp_path / "out")]) == 0
    analysed.save(tmp_path / "function")
    for name in ("subjects.csv", "groups.csv", "correlations.csv", "effects.json"):
        written = (tmp_path / "out" / name).read_text()
        assert written == (tmp_path / "function" / name).read_text(), name
    shown = capsys.readouterr().out
    assert "p_holm" in shown
    assert "subjects: " in shown


def test_the_command_refuses_a_trait_that_changes(tmp_path, capsys):
    table = own_table()
    table.loc[5, "age"] = 21
    table.to_csv(tmp_path / "own.csv", index=False)
    words = f"animals two-step --data {tmp_path / 'own.csv'} --covariates age --out"
    assert main([*words.split(), str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "got 21 after 20 of 4011612345 in row 7 of own.csv" in error
    assert not (tmp_path / "out").exists()


def test_a_release_names_the_kind_of_its_subjects(animal_data):
    path = animal_data / "bari2019_mouse_foraging.mat"
    data = read_trials("matching", path)
    assert data.kind == "mice"
    labels = analyze_trials("matching", data).figure.axes[1].get_legend().get_texts()
    assert labels[0].get_text() == "mice (n = 16)"


def test_a_table_that_shows_nothing_is_refused_before_anything_is_written(tmp_path):
    rows = [("a", t, "AB"[t % 2], "A", t % 2, 1) for t in range(8)]
    names = ["subject", "trial", "cue", "rewarded_cue", "choice", "reward"]
    table = pd.DataFrame(rows, columns=names)
    with pytest.raises(MetaRLError, match="must have one of the columns rt, correct"):
        analyze_trials("inferred-value", table, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_of_an_earlier_analysis_stays_beside_a_later_one(analysed, tmp_path):
    analysed.save(tmp_path)
    (tmp_path / "mine.csv").write_text("")
    analyze_trials("two-step", own_table(), tmp_path)
    names = {path.stem for path in tmp_path.iterdir()}
    assert {"groups", "correlations"} & names == set()
    assert {"figure", "subjects", "mine"} <= names


def test_the_panels_of_groups_say_what_is_compared(analysed):
    note = analysed.figures["groups"].get_supxlabel()
    note = " ".join(note.split())
    assert "b minus a, with the 95 % interval and p of Welch's t test" in note
    assert "not corrected for the number of measures (p_holm" in note
    assert "Fisher's z" in analysed.figures["correlations"].get_supxlabel()


def test_groups_of_an_armed_bandit_share_their_panels():
    random = np.random.default_rng(1)
    rows = [(f"s{n}", k, random.integers(2), random.integers(2), "ab"[n % 2])
            for n in range(6) for k in range(30)]  # fmt: skip
    columns = ["subject", "trial", "choice", "reward", "half"]
    table = pd.DataFrame(rows, columns=columns)
    figure = analyze_trials("bandit", table, who="people", group="half").figure
    assert headings(figure) == [
        *("Reward along an episode", "Staying with an arm", "Arms tried"),
        "Learning rate and temperature",
    ]
    for ax in figure.axes[:3]:
        shown = [text.get_text() for text in ax.get_legend().get_texts()]
        assert shown == ["a (n = 3)", "b (n = 3)"]


def test_the_null_of_the_product_is_named_by_it(analysed):
    names = [k for k in analysed.tables["subjects"] if "null" in k]
    assert names
    assert all(name.startswith("reward_x_transition_") for name in names)


@pytest.mark.parametrize("name", ["trials", "stay_interaction", "reward_per_trial"])
def test_a_trait_is_not_called_as_a_measure(name):
    table = own_table().assign(**{name: range(6 * 60)})
    table[name] = table.groupby("subject")[name].transform("first")
    with pytest.raises(MetaRLError, match=f"must not be called {name}, as a measure"):
        analyze_trials("two-step", table, by=[name])


def test_a_trait_without_a_correlation_is_noted():
    table = own_table().assign(same=3, few=lambda t: t["age"].where(t["age"] < 40))
    notes = analyze_trials("two-step", table, by=["same", "few"]).notes
    assert "same is 3 of all 6: there is no correlation" in notes
    assert "only 2 with few: a correlation needs 3 subjects" in notes


def test_a_huge_whole_trait_keeps_its_value():
    table = own_table().assign(id=1e300)
    rows = analyze_trials("two-step", table, covariates=["id"]).tables["subjects"]
    assert rows["id"].tolist() == [1e300] * 6


def test_names_with_a_dollar_are_drawn_as_they_are(tmp_path):
    table = own_table().assign(half=lambda t: "$x_{" + t["half"] + "$")
    analyze_trials("two-step", table, tmp_path, who="$y_{$ z", group="half")
    assert (tmp_path / "groups.png").exists()


@pytest.mark.parametrize("who", [" ", "a\nb", "networks"])
def test_a_kind_is_a_word_of_the_users(who):
    with pytest.raises(MetaRLError, match="who must be"):
        analyze_trials("two-step", own_table(), who=who)


def test_units_are_words_of_a_column_that_is_there():
    with pytest.raises(MetaRLError, match="reward_unit must be a word or a few in one"):
        read_trials("two-step", own_table(), reward_unit=" ")
    with pytest.raises(MetaRLError, match="'ms' for a table without it; leave it out"):
        read_trials("two-step", own_table(), rt_unit="ms")


def test_rewards_of_another_size_than_the_networks_are_noted(small, tmp_path):
    metarl.train(small("restless-bandit", updates=1), tmp_path, workers=1, show=False)
    metarl.evaluate(tmp_path, workers=1, show=False)
    own = metarl.load_run(tmp_path).trials
    same = analyze_trials("restless-bandit", own, beside=tmp_path)
    assert not [note for note in same.notes if "in one unit" in note]
    points = own.assign(reward=own["reward"] * 100)
    (note,) = analyze_trials("restless-bandit", points, beside=tmp_path).notes
    assert note == (
        "rewards are at most 100 of the animals, 1 of the networks: differences of "
        "rewards in beside.csv are not in one unit"
    )


def test_results_are_refused_where_a_file_is_and_leave_nothing(analysed, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(MetaRLError, match=r"'.*taken' is a file, not a folder"):
        analysed.save(tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "a file"


def test_groups_led_by_a_zero_are_kept_apart_with_a_note(tmp_path):
    half = own_table()["half"].map({"a": "01", "b": "1"})
    path = tmp_path / "own.csv"
    own_table().assign(half=half).to_csv(path, index=False)
    analysed = analyze_trials("two-step", path, group="half")
    names = analysed.tables["subjects"].set_index("name")["half"]
    assert names.to_dict() == dict(zip(NAMES, ["01"] * 3 + ["1"] * 3, strict=True))
    assert {"half 01", "half 1"} <= set(analysed.tables["behaviour"]["label"])
    assert (
        "01 and 1 of half are groups of their own, as they are written; write them "
        "alike if they are one"
    ) in analysed.notes


def test_a_note_on_a_column_in_both_files_is_given_once(tmp_path):
    people = own_table()[["subject", "age", "half"]].drop_duplicates()
    people.to_csv(tmp_path / "people.csv", index=False)
    analysed = analyze_trials(
        "two-step",
        own_table(),
        covariates=["age"],
        subjects_file=tmp_path / "people.csv",
        group="half",
    )
    notes = [note for note in analysed.notes if "of the second" in note]
    assert [note.split()[1] for note in notes] == ["age", "half"]


@pytest.mark.parametrize(
    ("ages", "says"),
    [
        (
            [20, 30, 40, 50, -999, -999],
            "age is -999 in 2 of 6 subjects, which is taken as a number",
        ),
        ([-1, -1, 40, 50, 99, 999], "age is -1 and 999 in 3 of 6 subjects, which"),
        ([-1, -1, 40, 50, 55, 999], "age is -1 and 999 in 3 of 6"),
    ],
)
def test_codes_among_numbers_to_correlate_by_get_a_note(ages, says):
    age = own_table()["subject"].map(dict(zip(NAMES, ages, strict=True)))
    analysed = analyze_trials("two-step", own_table().assign(age=age), by=["age"])
    (note,) = [note for note in analysed.notes if "age is" in note]
    assert says in note
    assert note.endswith(
        "; if it means missing, make these cells blank to leave them out"
    )


def test_plain_ages_get_no_note_on_codes(analysed):
    assert not [note for note in analysed.notes if "taken as" in note]
