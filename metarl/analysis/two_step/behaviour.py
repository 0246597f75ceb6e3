"""Two-step behaviour from the trial table alone, of a network, a monkey or a person.

A trial counts if it is valid and free and has a choice and a transition. A pair is a
trial and the one before it, both of which count, with consecutive numbers. Staying is
repeating the first-stage choice. A model-based chooser stays after a common rewarded
and after a rare unrewarded trial; a model-free one after any rewarded trial.

Source: Daw et al. 2011, Neuron 69:1204; Miller et al. 2017, Nat Neurosci 20:1269.
"""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from scipy import special

from metarl.analysis.measures import ALL_SUBJECTS
from metarl.analysis.schema import (
    BASE_SCHEMA,
    FEW_CHOICES,
    KEYS,
    WITH_CHOICE,
    WITHOUT_CHOICE,
    Array,
    Derived,
    Flags,
    Integers,
    RowError,
    codes,
    numbers,
)
from metarl.analysis.statistics import (
    LogitFit,
    fit_logit,
    fit_logits,
    known_standard_error,
)
from metarl.analysis.trials import TrialSequence, trial_sequence
from metarl.analysis.two_step.second_stage import option_columns
from metarl.core.checks import check_between

TRANSITIONS = ("common", "rare")
"""Codes of the transition column, besides blank."""
REWARDS = (0.0, 0.5, 1.0)
"""Outcomes of a valid trial: unrewarded, medium (some animals' tasks), rewarded."""
USUAL_COMMON = (0.5, 0.95)
"""Range of a share of common transitions that gives no warning."""


def is_reversed(table: pd.DataFrame) -> "pd.Series[bool]":
    """Whether the transitions of every trial are reversed; without the column, none."""
    if "reversed" not in table:
        return pd.Series(False, table.index)
    return pd.Series(numbers(table, "reversed"), table.index) == 1


def transition_of(table: pd.DataFrame) -> "pd.Series[str]":
    """Transition of every trial: common where choice and second-stage state agree.

    Where the transitions are reversed, rare.
    """
    choice = pd.Series(numbers(table, "choice"), table.index)
    state = pd.Series(numbers(table, "second_state"), table.index)
    common = (choice == state) ^ is_reversed(table)
    words = pd.Series(np.where(common, "common", "rare"), table.index, object)
    return words.where(choice.notna() & state.notna())


def choice_of(table: pd.DataFrame) -> "pd.Series[float]":
    """Option of every trial: the one that commonly leads to the state, or the other."""
    state = pd.Series(numbers(table, "second_state"), table.index)
    agree = (table["transition"] == "common") ^ is_reversed(table)
    option = state.where(agree, 1 - state)
    return option.where(state.isin([0, 1]) & table["transition"].isin(TRANSITIONS))


def check_second_state(columns: pd.DataFrame) -> None:
    """Raise RowError unless choice, transition and second-stage state agree."""
    common = (columns["choice"] == columns["second_state"]) ^ is_reversed(columns)
    known = columns["second_state"].isin([0, 1]) & columns["choice"].notna()
    wrong = known & columns["transition"].notna()
    wrong &= common != (columns["transition"] == "common")
    if wrong.any():
        row = int(np.argmax(wrong))
        count, all_wrong = int(wrong.sum()), bool(wrong[known].all())
        raise RowError(
            "choice must be the option that commonly leads to the second_state of its "
            "number, so that the two are equal after a common transition",
            "a contradiction"
            + (f" in {count} trials, the first of them" if count > 1 else " in"),
            {key: columns[key].iloc[row] for key in KEYS},
            row,
            "swap the codes of second_state"
            if all_wrong
            else "code choice by the option, not by its side or key; or leave choice "
            "out, as it follows from transition and second_state",
        )


def doubtful_transitions(columns: pd.DataFrame) -> dict[float, str]:
    """Subjects with an unusual share of common transitions."""
    known = columns[columns["transition"].notna()]
    common = (known["transition"] == "common").groupby(known["subject"])
    counted = common.agg(["mean", "size"])
    low, high = USUAL_COMMON
    usual = counted["mean"].between(low, high) | (counted["size"] < FEW_CHOICES)
    return {
        float(str(subject)): f"{100 * row['mean']:.0f} % of transitions are common"
        + ("; are common and rare swapped?" if row["mean"] < low else "")
        for subject, row in counted[~usual].to_dict("index").items()
    }


SCHEMA = BASE_SCHEMA.extend(
    "two-step",
    check_second_state,
    derived={
        "transition": Derived(
            ("choice", "second_state"),
            transition_of,
            "common where choice and second_state are equal",
        ),
        "choice": Derived(
            ("transition", "second_state"),
            choice_of,
            "second_state after a common transition, the other after a rare one",
        ),
    },
    warnings=[doubtful_transitions],
    choice=codes(
        *(0, 1),
        names=("commonly leads to state 0", "commonly leads to state 1"),
        blank=True,
        meaning="option chosen at the first stage: not its side or key",
    ),
    reward=codes(
        *(0, 0.5, 1),
        names=("unrewarded", "medium", "rewarded"),
        when=WITH_CHOICE,
        meaning="reward of the trial",
        example="1",
    ),
    transition=codes(
        *TRANSITIONS,
        blank=WITHOUT_CHOICE,
        meaning="whether the choice led to its common second-stage state",
    ),
    second_state=codes(
        *(0, 1),
        blank=True,
        when=WITH_CHOICE,
        required=False,
        meaning="second-stage state that was reached; checks choice and transition",
        example="0",
    ),
    reversed=codes(
        *(0, 1),
        names=("no", "yes"),
        blank=True,
        required=False,
        own=True,
        meaning="whether the transition probabilities are reversed in this trial, so "
        "that choice and second_state differ after a common transition",
    ),
    further=option_columns(),
)
"""Columns of the trial table; the second state is needed with recordings."""
RIDGE = 0.5
"""Penalty of both logistic regressions, on every weight, the bias too.

Chosen because it reproduces the macaque and human rows of reference/, which were
computed with it; it keeps the weights finite where a subject always stays. It shrinks
those of rare cells most, and so gives a product to a subject that has none: see
`product_nulls`.
"""
NULL_DRAWS = 200
"""Simulated choosers without a product, for each unit."""
NULL_RIDGE = 1e-6
"""Penalty of the regression that they are drawn from: negligible."""
NULL_SEED = 2011
"""Seed of their choices."""
PRODUCT = "reward_x_transition"
"""Term of the stay regression that the null is for."""
NULL_COLUMNS = tuple(
    f"{PRODUCT}_{name}" for name in ("null", "null_low", "null_high", "beyond_null")
)
"""Columns of the table of `product_nulls`, by the term that they are of."""
STAY_TERMS = ("bias", "reward", "transition", PRODUCT)
"""Predictors of the stay regression."""
LAG_TYPES = tuple(product(TRANSITIONS, (1.0, 0.0)))
"""Kinds of past trial in the lag regression: transition, reward."""
LAG_LIMIT = 15
"""Most lags; more would be too many kinds of history to number."""


def read_trials(trials: pd.DataFrame) -> TrialSequence:
    """Sort a trial table that `SCHEMA` has checked."""
    return trial_sequence(trials, SCHEMA, needs=("transition",))


def trial_pairs(
    trials: TrialSequence, by: Sequence[str] = ("subject",)
) -> pd.DataFrame:
    """Every pair: the keys to group by, stay, and the earlier trial's outcome."""
    later = np.flatnonzero(trials.follows)
    earlier, choice = later - 1, trials["choice"]
    pairs = trials.key_table(by).iloc[later].reset_index(drop=True)
    return pairs.assign(
        reward=trials["reward"][earlier],
        transition=trials.words("transition")[earlier],
        stay=choice[later] == choice[earlier],
    )


def stay_probabilities(
    trials: TrialSequence, by: Sequence[str] = ("subject",)
) -> pd.DataFrame:
    """Probability of staying, by the outcome of the trial before.

    Args:
        trials: the trials, in order.
        by: columns that name a unit: subjects, or subjects and sessions.

    Returns:
        One row for each unit, reward (1, 0, and 0.5 where it occurs) and transition:
        probability in [0, 1], NaN without a pair, and pairs, their number.
    """
    keys = [*by, "reward", "transition"]
    stays = trial_pairs(trials, by).groupby(keys)["stay"]
    counted = pd.DataFrame({"stays": stays.sum(), "pairs": stays.size()}).reset_index()
    medium = bool((counted["reward"] == 0.5).any())
    levels = [level for level in reversed(REWARDS) if medium or level != 0.5]
    cells = pd.DataFrame(
        list(product(levels, TRANSITIONS)), columns=["reward", "transition"]
    )
    units = trials.key_table(by).drop_duplicates()
    table = units.merge(cells, how="cross").merge(counted, how="left", on=keys)
    table["pairs"] = table["pairs"].fillna(0).astype(np.int64)
    table["probability"] = table["stays"] / table["pairs"].where(table["pairs"] > 0)
    return table.drop(columns="stays")[[*keys, "probability", "pairs"]]


def stay_interaction(
    stays: pd.DataFrame, by: Sequence[str] = ("subject",)
) -> "pd.Series[float]":
    """Interaction of reward and transition in staying, from `stay_probabilities`.

        (rewarded common - rewarded rare) - (unrewarded common - unrewarded rare)

    Returns:
        In [-2, 2] by unit: positive for a model-based, about 0 for a model-free one.
    """
    cells = stays.pivot(
        index=list(by), columns=["reward", "transition"], values="probability"
    )
    rewarded = cells[(1.0, "common")] - cells[(1.0, "rare")]
    unrewarded = cells[(0.0, "common")] - cells[(0.0, "rare")]
    return (rewarded - unrewarded).rename("stay_interaction")


def stay_regression(
    trials: TrialSequence, by: Sequence[str] = ("subject",), ridge: float = RIDGE
) -> pd.DataFrame:
    """Logistic regression of staying on the trial before.

        log odds(stay) = bias + reward + transition + reward x transition

    with reward +1 rewarded, 0 medium, -1 unrewarded, and transition +1 common, -1 rare.

    Args:
        trials: the trials, in order.
        by: columns that name a unit: subjects, or subjects and sessions.
        ridge: penalty of `fit_logit`.

    Returns:
        One row for each unit and term: term, weight (log odds; NaN if it did not
        converge), converged, pairs, their number, and ridge.
    """
    rows = []
    for unit, cells in stay_probabilities(trials, by).groupby(list(by), sort=True):
        design, stays, pairs = _stay_design(cells)
        fit = fit_logit(design, stays, pairs, ridge=ridge)
        rows += [
            dict(zip(by, unit, strict=True))
            | {"term": term, "weight": weight, "converged": fit.converged}
            | {"pairs": int(pairs.sum()), "ridge": ridge}
            for term, weight in zip(STAY_TERMS, _known(fit), strict=True)
        ]
    columns = [*by, "term", "weight", "converged", "pairs", "ridge"]
    return pd.DataFrame(rows, columns=columns)


def _stay_design(cells: pd.DataFrame) -> tuple[Array, Array, Array]:
    """(C, 4) predictors of the stay regression, (C,) stays and (C,) pairs."""
    known = cells[cells["pairs"] > 0]
    reward = 2 * known["reward"].to_numpy(float) - 1
    side = np.where(known["transition"] == "common", 1.0, -1.0)
    design = np.column_stack([np.ones_like(reward), reward, side, reward * side])
    pairs = known["pairs"].to_numpy(float)
    return design, known["probability"].to_numpy(float) * pairs, pairs


def product_nulls(trials: TrialSequence, ridge: float = RIDGE) -> pd.DataFrame:
    """Product that the ridge alone would give each subject if it had none.

    The ridge shrinks the log odds of a cell with few pairs more towards 0, and rare
    transitions have few: a subject that always stays after a reward, and never without
    one, so has a positive product. The null is a set of NULL_DRAWS choosers that
    stay with the probabilities of the same regression without the product and without a
    penalty, after as many pairs in each cell as the subject. A correction of the
    likelihood (Firth) has the same bias, and a larger one; the interaction of the
    probabilities themselves, `stay_interaction`, has none.

    Args:
        trials: the trials, in order.
        ridge: penalty of `stay_regression`.

    Returns:
        One row a subject, with columns that begin with the term: null, the mean product
        of the choosers; null_low and null_high, their middle 95 %; beyond_null, the
        subject's product minus null (all in log odds). NaN where one of the four cells
        has no pair.

    Source: Davison & Hinkley 1997, Bootstrap Methods, section 4.2.3.
    """
    each = stay_probabilities(trials).groupby("subject", sort=True)
    rows = [
        (subject, *_product_null(cells, ridge, number))
        for number, (subject, cells) in enumerate(each)
    ]
    return pd.DataFrame(rows, columns=["subject", *NULL_COLUMNS])


def _product_null(cells: pd.DataFrame, ridge: float, number: int) -> Array:
    """The NULL_COLUMNS of one subject, the n-th."""
    plain = cells[cells["reward"] != 0.5]
    if (plain["pairs"] == 0).any():
        return np.full(len(NULL_COLUMNS), np.nan)
    design, stays, pairs = _stay_design(cells)
    without = fit_logits(design[:, :-1], stays[None], pairs, ridge=NULL_RIDGE)[0]
    generator = np.random.default_rng(
        np.random.SeedSequence(NULL_SEED, spawn_key=(number,))
    )
    probability = special.expit(design[:, :-1] @ without)
    drawn = generator.binomial(
        pairs.astype(np.int64), probability, (NULL_DRAWS, len(pairs))
    )
    products = fit_logits(design, drawn, pairs, ridge=ridge)[:, -1]
    own = fit_logits(design, stays[None], pairs, ridge=ridge)[0, -1]
    mean = float(products.mean())
    low, high = np.quantile(products, [0.025, 0.975])
    return np.array([mean, low, high, own - mean])


def lag_regression(
    trials: TrialSequence, lags: int = 5, ridge: float = RIDGE
) -> pd.DataFrame:
    """Logistic regression of the choice on past choices, by their outcomes.

    The probability of choosing left, from a bias and, for each lag and each kind of
    past trial (common or rare, rewarded or unrewarded), +1 if that trial was of that
    kind and went left, -1 if it went right, 0 if it was of another kind. A positive
    weight is a tendency to repeat. A trial counts if it and the `lags` trials before it
    form unbroken pairs.

    Args:
        trials: the trials, in order.
        lags: number of past trials, at least 1.
        ridge: penalty of `fit_logit`.

    Returns:
        One row for each subject, lag, transition and reward: weight (log odds;
        NaN if it did not converge), converged, trials, the number regressed, and ridge.

    Source: Miller et al. 2017; Wang et al. 2018, Fig. 5e.
    """
    check_between("lags", lags, 1, LAG_LIMIT)
    complete = trials.usable & (trials.history >= lags)
    kind, left = _past_kind(trials), trials["choice"] == 0
    rows = []
    for subject in np.unique(trials.subject):
        now = np.flatnonzero(complete & (trials.subject == subject))
        fit = _fit_lags(left[now], now, kind, lags, ridge)
        kinds = product(range(1, lags + 1), LAG_TYPES)
        facts = fit.converged, len(now), ridge
        rows += [
            (int(subject), lag, transition, reward, weight, *facts)
            for (lag, (transition, reward)), weight in zip(
                kinds, _known(fit)[1:], strict=True
            )
        ]
    columns = ["subject", "lag", "transition", "reward", "weight", "converged"]
    return pd.DataFrame(rows, columns=[*columns, "trials", "ridge"])


def _known(fit: LogitFit) -> Array:
    """The weights; NaN where the fit did not converge, so that they mean nothing."""
    return fit.weights if fit.converged else np.full_like(fit.weights, np.nan)


def _past_kind(trials: TrialSequence) -> Integers:
    """(N,) 2 x the index into LAG_TYPES, + 1 for right; the last code is no kind."""
    kind = np.full(len(trials.keys), 2 * len(LAG_TYPES))
    right = trials["choice"] == 1
    common = np.equal(trials.words("transition"), "common")
    for index, (transition, reward) in enumerate(LAG_TYPES):
        fits = trials["reward"] == reward
        fits &= common == (transition == "common")
        kind[fits] = 2 * index + right[fits]
    return kind


def _fit_lags(
    left: Flags, now: Integers, kind: Integers, lags: int, ridge: float
) -> LogitFit:
    """Fit one subject; trials with the same history share one row, for speed."""
    base = 2 * len(LAG_TYPES) + 1
    history = np.zeros(len(now), dtype=np.int64)
    for lag in range(1, lags + 1):
        history += kind[now - lag] * base ** (lag - 1)
    codes, which = np.unique(history, return_inverse=True)
    counts = np.bincount(which, minlength=len(codes)).astype(float)
    chosen = np.bincount(which, weights=left, minlength=len(codes))
    # Row k of `sides`: entries of past trials of kind k in the columns of their lag.
    sides = np.vstack([np.kron(np.eye(len(LAG_TYPES)), [[1.0], [-1.0]]), np.zeros(4)])
    columns = [sides[codes // base ** (lag - 1) % base] for lag in range(1, lags + 1)]
    design = np.column_stack([np.ones(len(codes)), *columns])
    return fit_logit(design, chosen, counts, ridge=ridge)


def behaviour_summary(trials: TrialSequence, labels: Mapping[int, str]) -> pd.DataFrame:
    """Mean and standard error of staying, in the form of the animals' reference rows.

    Each subject is summarised over its sessions (a session without such a pair is left
    out), and all subjects over subjects, each with all its trials. A medium reward is
    its own condition, and counts 0 in the regression.

    Args:
        trials: the trials, in order.
        labels: subject -> its name.

    Returns:
        One row for each summarised group and quantity: label, reward, transition and
        term (blank where they do not apply), value (probability or log odds), error
        (standard error), n and over ("sessions" or "subjects"), missing, those of them
        without the number, and pairs, behind all of them together.
    """
    everyone = _stays_and_terms(trials, ("subject",)).assign(label=ALL_SUBJECTS)
    each = _stays_and_terms(trials, ("subject", "session"))
    each = each.assign(label=each["subject"].map(dict(labels)))
    return pd.concat(
        [_summary(everyone, "subjects"), _summary(each, "sessions")], ignore_index=True
    )


def _stays_and_terms(trials: TrialSequence, by: Sequence[str]) -> pd.DataFrame:
    """Both tables of each unit below each other, with their numbers in `value`."""
    stays = stay_probabilities(trials, by).rename(columns={"probability": "value"})
    terms = stay_regression(trials, by).rename(columns={"weight": "value"})
    return pd.concat([stays, terms], ignore_index=True)


def _summary(table: pd.DataFrame, over: str) -> pd.DataFrame:
    """Mean and standard error over the units of each label."""
    keys = ["label", "reward", "transition", "term"]
    cells = table.groupby(keys, sort=False, dropna=False)
    summary = cells["value"].agg(
        value="mean", error=known_standard_error, n="count", missing="size"
    )
    summary["missing"] -= summary["n"]
    summary = summary.assign(pairs=cells["pairs"].sum(), over=over).reset_index()
    ordered: pd.DataFrame = summary[
        [*keys, "value", "error", "n", "over", "missing", "pairs"]
    ]
    return ordered
