"""Commands, one file each: options, one call of the library, printed paths."""
