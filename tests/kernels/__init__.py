"""The kernels of `asgd.fast` against the definition in mpmath, equation by equation."""
