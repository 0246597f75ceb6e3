"""The network, its prediction errors and its learning; knows sizes, never a task."""
