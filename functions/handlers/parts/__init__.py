"""What several entrances are wired with. A part is no entrance: it has no handler."""
