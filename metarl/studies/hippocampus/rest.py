"""Rest after learning: sensors, noise, and replay from one of several sources.

Eight objects stand in two rows of four. A rule orders them; they were seen in another
order. A movie replays what was seen; imagination replays the rule, which was learned
from other objects. The sources differ only in the transition probabilities from which
replay is drawn.

Source: after Liu, Dolan, Kurth-Nelson & Behrens 2019, Cell 178:640; sensors and noise
as in the simulation of Liu et al. 2021, eLife 10:e66917.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from metarl.studies.hippocampus.sequenceness import Array

OBJECTS, ROW = 8, 4
"""Objects, and objects per row."""
SAMPLE_MS = 10
"""Time between samples, in ms."""
PICTURES = 18
"""Noisy pictures of each object from which the decoder learns."""
RIDGE = 10.0
"""Penalty on the decoder's weights."""


@dataclass(frozen=True, kw_only=True)
class RestParams:
    """Sensors, duration and replay of a subject's rest."""

    sensors: int = 64
    """Number of sensors."""
    samples: int = 12_000
    """Length of rest, 10 ms each: two minutes."""
    event_rate: float = 0.05
    """Replays that begin per sample; published: 0.33, of two objects each."""
    lag: int = 4
    """Time from one object to the next, in samples."""
    memory: float = 0.95
    """Share of the noise that remains one sample later."""


@dataclass(frozen=True, kw_only=True)
class LearnedOrders:
    """Orders of new objects that a subject learned, as transition probabilities."""

    rule: Array
    """(8, 8) by the rule, learned from other objects and applied to these."""
    seen: Array
    """(8, 8) as the objects were shown."""


def learned_transitions(sequences: Sequence[Sequence[int]], states: int) -> Array:
    """(S, S) share of each state's transitions to each other; 0 from a last one.

    Args:
        sequences: experienced orders of states.
        states: S.
    """
    counts = np.zeros((states, states))
    for sequence in sequences:
        np.add.at(counts, (sequence[:-1], sequence[1:]), 1)
    totals = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, totals, out=counts, where=totals > 0))


def make_objects(generator: np.random.Generator) -> LearnedOrders:
    """New objects, to which a learned rule applies and which are seen in another order.

    Each new object is assigned a place (row, position); no two objects that are
    adjacent by the rule are shown in succession.
    """
    places = np.arange(OBJECTS).reshape(-1, ROW)
    by_place = learned_transitions(places.tolist(), OBJECTS)
    place_of = generator.permutation(OBJECTS)
    rule = by_place[np.ix_(place_of, place_of)]
    while True:
        order = generator.permutation(OBJECTS).reshape(-1, ROW)
        seen = learned_transitions(order.tolist(), OBJECTS)
        if not (seen * (rule + rule.T)).any():
            return LearnedOrders(rule=rule, seen=seen)


def draw_replay(source: Array, first: int, generator: np.random.Generator) -> list[int]:
    """Draw one replay of at most four states, until no state follows.

    Args:
        source: (S, S) transition probabilities.
        first: state with which it begins.
        generator: of random numbers.
    """
    states = [first]
    while source[states[-1]].any() and len(states) < ROW:
        states.append(int(generator.choice(len(source), p=source[states[-1]])))
    return states


@dataclass(frozen=True, kw_only=True)
class Brain:
    """A subject's patterns on the sensors, and a decoder of objects from them."""

    patterns: Array
    """(8, sensors) activity of each object."""
    mixing: Array
    """(sensors, sensors) weights by which sensors share noise."""
    decoder: Array
    """(sensors, 8) weights from sensors to evidence for each object."""


def make_brain(generator: np.random.Generator, params: RestParams) -> Brain:
    """A subject with a decoder that learned from noisy pictures and from empty ones.

    Departs: the decoder is a ridge regression; published, a sparse logistic one.
    """
    count = params.sensors
    patterns = generator.standard_normal(count) + generator.standard_normal(
        (OBJECTS, count)
    )
    shown = np.repeat(np.arange(OBJECTS), PICTURES)
    pictures = np.concatenate([patterns[shown], np.zeros((len(shown), count))])
    pictures += 4 * generator.standard_normal(pictures.shape)
    labels = np.concatenate([np.eye(OBJECTS)[shown], np.zeros((len(shown), OBJECTS))])
    pictures -= pictures.mean(axis=0)
    square = pictures.T @ pictures + RIDGE * np.eye(count)
    decoder = np.linalg.solve(square, pictures.T @ (labels - labels.mean(axis=0)))
    mixing = generator.standard_normal((count, count)) / np.sqrt(count)
    return Brain(patterns=patterns, mixing=mixing, decoder=decoder)


def rest(
    brain: Brain,
    source: Array | None,
    params: RestParams,
    *,
    noise: np.random.Generator,
    replays: np.random.Generator,
) -> Array:
    """(samples, 8) evidence for each object while a subject rests.

    Args:
        brain: of the subject.
        source: (8, 8) transition probabilities of replay; None: no replay.
        params: duration, and rate of replay.
        noise: generator of the sensors' noise.
        replays: generator of the beginnings and contents of replays.
    """
    fresh = noise.standard_normal((params.samples, params.sensors)) @ brain.mixing
    sensors = lfilter([params.memory], [1, -params.memory], fresh, axis=0)
    if source is not None:
        for sample, state in _replayed_objects(source, params, replays):
            sensors[sample] += brain.patterns[state]
    return np.asarray(sensors @ brain.decoder)


def _replayed_objects(
    source: Array, params: RestParams, generator: np.random.Generator
) -> list[tuple[int, int]]:
    """Sample and object of everything that is replayed."""
    last = params.samples - ROW * params.lag
    count = round(params.event_rate * params.samples)
    begins = generator.integers(0, last, count)
    firsts = generator.integers(0, OBJECTS, count)
    return [
        (int(begin) + params.lag * place, state)
        for begin, first in zip(begins, firsts, strict=True)
        for place, state in enumerate(draw_replay(source, int(first), generator))
    ]
