"""Run folders: configuration, files, checkpoints."""
