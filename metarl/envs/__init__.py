"""Tasks: one experiment per file, written for a batch of environments.

Nothing is imported here, so that registering the tasks is fast: import `Task` from
`metarl.envs.task` and the Gymnasium environments from `metarl.envs.adapters`.
"""
