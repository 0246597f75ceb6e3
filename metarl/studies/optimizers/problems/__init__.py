"""Problems for optimizers to be compared on, each for many networks side by side."""
