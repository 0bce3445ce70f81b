"""The sandbox's verification vendor: its API, its webhooks, and a program that plays a player's verification."""
