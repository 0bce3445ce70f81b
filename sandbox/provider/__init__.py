"""Game providers as programs of their own: they hold their keys, sign, and speak the wire. One file = one dialect."""
