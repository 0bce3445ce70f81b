"""Stacks compose constructs and define nothing of their own."""
