"""Jurisdictions: what the rules of a player's country ask of the house, as typed values that every room reads."""
