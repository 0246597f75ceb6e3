"""Learning rules: what changes the weights, and by which error."""
