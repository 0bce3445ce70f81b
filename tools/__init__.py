"""Commands for those who work on Countroom; `make help` lists them."""
