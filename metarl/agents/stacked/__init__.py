"""Several subjects in one computation: A2C with an LSTM, compiled or in torch."""
