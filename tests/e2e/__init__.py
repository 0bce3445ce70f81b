"""Tests over HTTP against a whole sandbox. A package, for the sandbox lives as long as pytest stays in it."""
