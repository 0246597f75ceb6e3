"""Tasks: one experiment a file, written once for a batch of lanes.

Nothing is imported here, so that registering the tasks stays quick: take `Task` from
`metarl.envs.task` and the Gymnasium faces from `metarl.envs.adapters`.
"""
