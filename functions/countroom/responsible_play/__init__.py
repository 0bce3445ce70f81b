"""Responsible play: limits, time-outs, exclusion, reality checks; what is shown of them, and what is kept."""
