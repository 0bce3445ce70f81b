"""Games: the catalogue, game sessions, and the wire dialects of game providers."""
