"""TensorBoard: metrics and snapshot figures during training."""
