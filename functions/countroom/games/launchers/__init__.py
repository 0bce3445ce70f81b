"""Launch URLs: one file for each provider, all of them through one mechanism."""
