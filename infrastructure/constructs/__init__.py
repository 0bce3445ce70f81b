"""The only place where a thing is defined: what a Lambda, a table, a queue, an API or an alarm is here."""
