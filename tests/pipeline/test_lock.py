"""Locks: a plan and its criteria are fixed before training, and hold afterwards."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from metarl.analysis.reversal import ANALYSIS
from metarl.cli.main import main
from metarl.core.checks import MetaRLError
from metarl.core.files import read_json, write_json
from metarl.experiments.spec import preset
from metarl.pipeline import lock as locking
from metarl.pipeline import plan as planning
from metarl.pipeline import population
from metarl.pipeline.lock import check_lock, read_lock, write_lock
from metarl.pipeline.plan import Plan
from metarl.pipeline.reproduce import Reproduction, reproduce
from metarl.reports import figures
from metarl.runs.config import TrainingConfig, to_plain

UNITS = 5


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Presets that take a second; everything else as usual."""
    set_units(monkeypatch, UNITS)


def set_units(patch, units):
    def small(task, name="fast"):
        usual = preset(task, name)
        training = TrainingConfig(num_envs=3, unroll_steps=14, updates=20)
        network = replace(usual.network, units=units)
        return replace(usual, training=training, network=network)

    patch.setattr(planning, "preset", small)


def plan(**changes):
    given = {"tasks": ("reversal",), "preset": "smoke", "subjects": 1, **changes}
    return Plan(**given)


def call(out, **more):
    outcome = reproduce(plan(), out, workers=1, show=False, **more)
    assert outcome.failures == {}
    return Reproduction(outcome.path, plan())


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results under a lock; not to be changed."""
    folder = tmp_path_factory.mktemp("locked")
    with pytest.MonkeyPatch.context() as patch:
        set_units(patch, UNITS)
        write_lock(plan(), folder / "plan.json")
        return call(folder / "out", locked_by=folder / "plan.json")


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory):
    """Results without a lock; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        set_units(patch, UNITS)
        return call(tmp_path_factory.mktemp("unlocked"))


@pytest.fixture
def lock(tmp_path):
    return write_lock(plan(), tmp_path / "plan.json")


@pytest.fixture
def metarl(capsys, monkeypatch):
    """Run `metarl reproduce`; return its exit code, output and errors."""
    monkeypatch.setenv("COLUMNS", "300")

    def run(*words):
        code = main(["reproduce", *map(str, words)])
        return code, *capsys.readouterr()

    return run


def refused(ended, *words):
    """Whether a command ended with 2 and one sentence with these words."""
    code, out, error = ended
    (line,) = error.splitlines()
    assert [word for word in words if word not in line] == [], line
    return code == 2 and out == ""


def change_criteria(monkeypatch, **rules):
    """Put other rules of the reversal task in the place of some."""
    own = ANALYSIS.criteria["reversal"]
    changed = replace(own, rules=MappingProxyType({**own.rules, **rules}))
    analysis = replace(ANALYSIS, criteria={"reversal": changed})
    for module in (locking, figures):
        monkeypatch.setattr(module, "analysis_of", lambda task: analysis)


def test_a_lock_has_the_whole_plan_and_all_criteria(lock, tmp_path):
    plain = json.loads(lock.path.read_text())
    assert plain["plan"] == {
        "tasks": ["reversal"],
        "preset": "smoke",
        "subjects": 1,
        "seed": 1,
        "variants": False,
    }
    assert plain["metarl"] == locking.versions()["metarl-neuro"]
    written = datetime.fromisoformat(plain["date"])
    assert written.utcoffset() == timedelta(0)
    assert timedelta(0) <= datetime.now(UTC) - written < timedelta(minutes=5)
    entry = plain["experiments"]["reversal"]
    assert entry["configuration"] == read_back(to_plain(plan().config("reversal")))
    text = json.dumps(entry["configuration"], sort_keys=True)
    assert entry["configuration_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert entry["tests"]["test"]["episodes"] == planning.SMOKE_EPISODES
    assert entry["variants"] == {}
    own = ANALYSIS.criteria["reversal"]
    assert set(entry["criteria"]) == {"learned", *own.rules}
    learned = entry["criteria"]["learned"]
    assert (learned["statistic"], learned["threshold"]) == ("p_better", 0.75)
    for name, rule in own.rules.items():
        kept = entry["criteria"][name]
        ends = [float("-inf") if kept["low"] is None else kept["low"]]
        ends += [float("inf") if kept["high"] is None else kept["high"]]
        assert ends == [rule.low, rule.high]
        assert kept["why"] == rule.why
        assert kept["why"]
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
    assert lock.sha256 == hashlib.sha256(lock.path.read_bytes()).hexdigest()


def read_back(value):
    return json.loads(json.dumps(value))


def test_a_lock_of_variants_has_their_configurations_and_tests(tmp_path):
    many = plan(tasks=("volatility",), variants=True)
    lock = write_lock(many, tmp_path / "plan.json")
    entry = lock.experiments["volatility"]
    own = entry["configuration"]["task_params"]
    constant = entry["variants"]["constant"]["configuration"]["task_params"]
    assert constant != own
    assert entry["variants"]["constant"]["tests"]
    check_lock(lock, many)


def test_a_lock_never_replaces_a_file(lock):
    before = lock.path.read_bytes()
    with pytest.raises(MetaRLError, match="exists, and a lock never replaces a file"):
        write_lock(plan(seed=2), lock.path)
    assert lock.path.read_bytes() == before


@pytest.mark.parametrize("damage", ["edited", "without seal", "cut"])
def test_a_lock_that_was_changed_is_refused(damage, lock, tmp_path):
    plain = json.loads(lock.path.read_text())
    if damage == "cut":
        lock.path.write_bytes(lock.path.read_bytes()[:-9])
    else:
        plain["experiments"]["reversal"]["criteria"]["learned"]["threshold"] = 0.1
        if damage == "without seal":
            del plain["sha256"]
        lock.path.write_text(json.dumps(plain))
    says = "is not readable JSON" if damage == "cut" else "was changed or damaged"
    with pytest.raises(MetaRLError, match=says):
        call(tmp_path / "out", locked_by=lock.path)
    assert not (tmp_path / "out").exists()


def test_another_sealed_file_is_no_lock(tmp_path):
    write_json(tmp_path / "x.json", {"plan": {}}, seal=True)
    with pytest.raises(MetaRLError, match="is not a lock; write one with metarl"):
        read_lock(tmp_path / "x.json")
    with pytest.raises(MetaRLError, match="is missing"):
        read_lock(tmp_path / "none.json")


def test_changed_criteria_are_named(lock, tmp_path, monkeypatch):
    own = ANALYSIS.criteria["reversal"].rules
    lower = replace(own["chooses better"], low=0.5)
    change_criteria(monkeypatch, **{"chooses better": lower, "added": lower})
    with pytest.raises(MetaRLError) as refusal:
        call(tmp_path / "out", locked_by=lock.path)
    says = str(refusal.value)
    assert "reversal.criteria.chooses better.low was 0.816, is 0.5; " in says
    assert "reversal.criteria.added is new; " in says
    assert says.count("reversal.") == 2
    assert "run without the lock in another --out" in says
    assert not (tmp_path / "out").exists()


def test_a_changed_configuration_is_named(lock, tmp_path, monkeypatch):
    set_units(monkeypatch, UNITS + 1)
    says = "has changed: reversal.configuration.network.units was 5, is 6; restore"
    with pytest.raises(MetaRLError, match=says):
        call(tmp_path / "out", locked_by=lock.path)


def test_changed_tests_are_named(lock, monkeypatch):
    monkeypatch.setattr(planning, "SMOKE_EPISODES", 13)
    with pytest.raises(
        MetaRLError, match=r"reversal.tests.test.episodes was 12, is 13"
    ):
        check_lock(lock, plan())


def test_results_have_the_whole_lock_and_the_report_says_so(results):
    lock = read_lock(results.path.parent / "plan.json")
    assert (results.path / "lock.json").read_bytes() == lock.path.read_bytes()
    date = lock.date.strftime("%Y-%m-%d %H:%M:%S UTC")
    says = f"Locked on {date}, before training; SHA-256 of the lock: {lock.sha256}."
    page = results.report_path.read_text()
    assert says in page
    assert "Not locked" not in page
    assert results.lock_sentence == says


def test_a_report_without_a_lock_says_so(unlocked):
    assert "Not locked before training." in unlocked.report_path.read_text()
    assert "Locked on" not in unlocked.report_path.read_text()
    assert not (unlocked.path / "lock.json").exists()


def test_a_lock_after_training_is_refused(unlocked, lock, tmp_path):
    shutil.copytree(unlocked.path, tmp_path / "out")
    policy = tmp_path / "out/reversal/subject-00/policy.safetensors"
    says = "has subjects that were trained before the lock"
    # Even if they were trained after it was written, it was not under the lock.
    set_time(policy, lock.date + timedelta(seconds=9))
    with pytest.raises(MetaRLError, match=says):
        call(tmp_path / "out", locked_by=lock.path)
    assert not (tmp_path / "out" / "lock.json").exists()
    # Nor does it help to put the lock there by hand.
    shutil.copy(lock.path, tmp_path / "out" / "lock.json")
    set_time(policy, lock.date - timedelta(seconds=1))
    with pytest.raises(MetaRLError, match=says):
        call(tmp_path / "out", locked_by=lock.path)


def set_time(path, date):
    os.utime(path, (date.timestamp(), date.timestamp()))


def test_a_subject_that_is_not_finished_was_begun_too(lock, tmp_path):
    (tmp_path / "out" / "bandit" / "subject-03").mkdir(parents=True)
    with pytest.raises(MetaRLError, match="has subjects that were trained before"):
        call(tmp_path / "out", locked_by=lock.path)


def test_results_keep_the_lock_they_have(results, lock, tmp_path):
    # Written later than the other, or with another seed: not the same file.
    other = write_lock(plan(seed=2), tmp_path / "other.json")
    with pytest.raises(MetaRLError, match="runs under another lock than"):
        call(results.path, locked_by=other.path)
    with pytest.raises(MetaRLError, match="seed must be 1, got 2"):
        reproduce(plan(seed=2), results.path, workers=1, show=False)


@pytest.mark.slow
def test_an_interrupted_locked_call_resumes_and_checks_the_lock_again(
    lock, tmp_path, monkeypatch
):
    out = tmp_path / "out"

    def broken(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(population, "train_some", broken)
        with pytest.raises(KeyboardInterrupt):
            call(out, locked_by=lock.path)
    assert (out / "lock.json").exists()
    with monkeypatch.context() as patch:
        change_criteria(patch, added=ANALYSIS.criteria["reversal"]["chooses better"])
        for given in (lock.path, None):
            with pytest.raises(MetaRLError, match=r"reversal.criteria.added is new"):
                call(out, locked_by=given)
    assert not list(out.glob("*/subject-*/policy.*"))
    lock.path.rename(tmp_path / "moved.json")
    assert "Locked on" in call(out).report_path.read_text()
    before = (out / "report.html").stat().st_mtime_ns
    call(out, locked_by=tmp_path / "moved.json")
    assert (out / "report.html").stat().st_mtime_ns == before


def test_the_commands_write_a_lock_and_run_its_plan(metarl, tmp_path):
    file, out = tmp_path / "plan.json", tmp_path / "out"
    words = ("reversal", "--preset", "smoke", "--subjects", 1, "--seed", 7)
    code, said, _ = metarl(*words, "--lock", file, "--out", out)
    assert code == 0
    assert said.splitlines() == [
        f"lock: {file}",
        f"SHA-256: {hashlib.sha256(file.read_bytes()).hexdigest()}",
    ]
    assert not out.exists()
    assert refused(metarl(*words, "--lock", file), "exists, and a lock never replaces")
    run = ("--locked-by", file, "--out", out, "--workers", 1)
    assert refused(
        metarl("bandit", *run, "--seed", 1, "--variants"),
        "tasks must be reversal, got bandit; ",
        "seed must be 7, got 1; ",
        "variants must be False, got True; ",
    )
    assert not out.exists()
    code, said, _ = metarl(*run, "--subjects", 1)
    assert code == 0
    assert "Locked on " in said
    config = read_json(out / "reversal" / "config.json")
    assert (config["preset"], config["subjects"], config["seed"]) == ("smoke", 1, 7)
    # The lock in the folder has the plan, too.
    assert metarl("--out", out, "--workers", 1)[0] == 0
    assert refused(
        metarl("--out", out, "--preset", "fast"), "preset must be smoke, got fast"
    )
    assert refused(
        metarl("--lock", tmp_path / "b.json", "--locked-by", file), "give one of them"
    )


def test_a_lock_alone_runs_no_code_of_a_users_own(metarl, tmp_path):
    name = "own_experiment:EXPERIMENT"
    file = tmp_path / "plan.json"
    words = ("--preset", "smoke", "--subjects", 1)
    assert metarl(name, *words, "--lock", file)[0] == 0
    assert refused(metarl("--locked-by", file), name, "if you trust its code")
    check_lock(read_lock(file), plan(tasks=(name,)))
