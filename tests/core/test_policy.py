"""The inputs of every policy: observation, last action, last reward, in that order."""

import torch

from metarl.core.policy import input_size, join_inputs


def test_observation_action_and_reward_stand_side_by_side():
    joined = join_inputs(
        torch.tensor([[0.5, 0.25], [1.0, 0.0]]),
        torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
        torch.tensor([-1.0, 0.5]),
    )
    assert joined.tolist() == [[0.5, 0.25, 0, 1, 0, -1], [1, 0, 1, 0, 0, 0.5]]
    assert joined.shape[1] == input_size(2, 3)
