"""Verification: whether the house knows who a player is."""
