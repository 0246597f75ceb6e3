"""The passes that compute the gradients of an unroll."""
