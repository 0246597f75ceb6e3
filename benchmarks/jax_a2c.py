"""A plain A2C-LSTM in JAX: jitted, with the gradient through the rollout.

It trains the same network on the same two tasks as metarl's benchmark, and serves as a
yardstick of speed. Subjects are a further axis, by `jax.vmap`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

UNITS, TRIALS, DISCOUNT, RATE = 48, 100, 0.9, 1e-3


def bandit_reset(key: Any, envs: int) -> Any:
    """State: reward probabilities, number of the step."""
    return jax.random.uniform(key, (envs, 2)), jnp.zeros((), jnp.int32)


def bandit_step(state: Any, action: Any, key: Any) -> Any:
    """Next state, observation and reward."""
    chance, step = state
    paid = (
        jax.random.uniform(key, action.shape) < chance[jnp.arange(len(action)), action]
    )
    step = step + 1
    fresh = bandit_reset(key, len(action))[0]
    chance = jnp.where(step == TRIALS, fresh, chance)
    step = step % TRIALS
    seen = jnp.full((len(action), 1), step / TRIALS)
    return (chance, step), seen, paid.astype(jnp.float32), step == 0


def two_step_reset(key: Any, envs: int) -> Any:
    """State: high state, second-stage state, valid response, number of the step."""
    high = jax.random.bernoulli(key, 0.5, (envs,))
    return high, jnp.zeros(envs, bool), jnp.ones(envs, bool), jnp.zeros((), jnp.int32)


def two_step_step(state: Any, action: Any, key: Any) -> Any:
    """Fixation, choice of left or right, second stage with a reward."""
    high, second, valid, step = state
    first, other, third = jax.random.split(key, 3)
    phase, envs = step % 3, len(action)
    responded = jnp.where(phase == 0, action == 0, action > 0) | (phase == 2)
    rare = jax.random.uniform(first, (envs,)) >= 0.8
    second = jnp.where(phase == 1, (action == 2) ^ rare, second)
    valid = jnp.where(phase == 1, responded, valid)
    chance = jnp.where(second == high, 0.9, 0.1)
    paid = (jax.random.uniform(other, (envs,)) < chance) & valid
    reward = jnp.where(phase == 2, paid.astype(jnp.float32), -1.0 * ~responded)
    switch = (jax.random.uniform(third, (envs,)) < 0.025) & (phase == 2)
    step = (step + 1) % (3 * TRIALS)
    high = jnp.where(step == 0, two_step_reset(key, envs)[0], high ^ switch)
    screen = jnp.where(step % 3 < 2, step % 3, jnp.where(valid, second + 2, 4))
    seen = jax.nn.one_hot(screen, 4) * jnp.ones((envs, 1))
    return (high, second, valid, step), seen, reward, step == 0


TASKS = {
    "bandit": (bandit_reset, bandit_step, 1, 2),
    "two-step": (two_step_reset, two_step_step, 4, 3),
}
"""Reset, step, entries of the observation, actions."""


def initial(key: Any, inputs: int, actions: int) -> dict[str, Any]:
    """Weights of an LSTM with one matrix for both heads."""
    one, two = jax.random.split(key)
    bound = UNITS**-0.5
    size = inputs + UNITS, 4 * UNITS
    return {
        "weight": jax.random.uniform(one, size, minval=-bound, maxval=bound),
        "bias": jnp.zeros(4 * UNITS),
        "heads": 0.1 * jax.random.normal(two, (UNITS, actions + 1)),
        "head_bias": jnp.zeros(actions + 1),
    }


def act(weights: Any, carry: Any, key: Any) -> Any:
    """Activity, cell, logits and value, and a sampled action."""
    seen, last, reward, activity, cell = carry
    inputs = jnp.concatenate([seen, last, reward[:, None], activity], 1)
    i, f, g, o = jnp.split(inputs @ weights["weight"] + weights["bias"], 4, 1)
    cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
    activity = jax.nn.sigmoid(o) * jnp.tanh(cell)
    outputs = activity @ weights["heads"] + weights["head_bias"]
    action = jax.random.categorical(key, outputs[:, :-1])
    return activity, cell, outputs[:, :-1], outputs[:, -1], action


def loss(weights: Any, carry: Any, state: Any, key: Any, task: str, steps: int) -> Any:
    """Loss of one unroll, and what the next one starts from."""
    _, step, _, actions = TASKS[task]

    def one(pair: Any, key: Any) -> Any:
        carry, state = pair
        first, second = jax.random.split(key)
        activity, cell, logits, value, action = act(weights, carry, first)
        state, seen, reward, over = step(state, action, second)
        keep = 1.0 - over
        last = jax.nn.one_hot(action, actions) * keep
        carry = seen, last, reward * keep, activity * keep, cell * keep
        log_policy = jax.nn.log_softmax(logits)
        chosen = jnp.take_along_axis(log_policy, action[:, None], 1)[:, 0]
        entropy = -(jnp.exp(log_policy) * log_policy).sum(1)
        return (carry, state), (chosen, entropy, value, reward, keep)

    (carry, state), rows = jax.lax.scan(
        one, (carry, state), jax.random.split(key, steps)
    )
    chosen, entropy, value, reward, keep = rows
    last = act(weights, carry, key)[3]

    def back(total: Any, row: Any) -> Any:
        total = row[0] + DISCOUNT * row[1] * total
        return total, total

    _, returns = jax.lax.scan(back, last, (reward, keep), reverse=True)
    advantage = jax.lax.stop_gradient(returns - value)
    returns = jax.lax.stop_gradient(returns)
    total = -(advantage * chosen).mean() - 0.05 * entropy.mean()
    total += 0.05 * 0.5 * jnp.square(returns - value).mean()
    return total, jax.lax.stop_gradient((carry, state))


def jax_update(task: str, envs: int, steps: int, subjects: int) -> Callable[[], object]:
    """One update of all subjects."""
    reset, _, observed, actions = TASKS[task]
    keys = jax.random.split(jax.random.PRNGKey(0), subjects)
    inputs = observed + actions + 1
    weights = jax.vmap(partial(initial, inputs=inputs, actions=actions))(keys)
    squares = jax.tree.map(jnp.zeros_like, weights)
    zeros = partial(jnp.zeros, dtype=jnp.float32)
    shapes = (envs, observed), (envs, actions), (envs,), (envs, UNITS), (envs, UNITS)
    carry = tuple(zeros((subjects, *shape)) for shape in shapes)
    state = jax.vmap(lambda key: reset(key, envs))(keys)

    def update(weights: Any, squares: Any, carry: Any, state: Any, key: Any) -> Any:
        function = partial(loss, task=task, steps=steps)
        (_, (carry, state)), slope = jax.value_and_grad(function, has_aux=True)(
            weights, carry, state, key
        )
        squares = jax.tree.map(lambda s, g: 0.99 * s + 0.01 * g * g, squares, slope)
        weights = jax.tree.map(
            lambda w, g, s: w - RATE * g / (jnp.sqrt(s) + 1e-5), weights, slope, squares
        )
        return weights, squares, carry, state

    compiled = jax.jit(jax.vmap(update), donate_argnums=(0, 1, 2, 3))
    current = [weights, squares, carry, state, 0]

    def run() -> object:
        key = jax.random.split(jax.random.PRNGKey(current[4]), subjects)
        current[:4] = compiled(*current[:4], key)
        current[4] += 1
        return jax.block_until_ready(current[0])

    return run
