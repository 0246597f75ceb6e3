"""Training: from rollouts to weights, updates by updates."""
