"""Problems on which optimizers are compared, each for a batch of networks."""
