"""The business: one folder for each thing a casino does."""
