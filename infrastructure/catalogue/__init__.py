"""The functions of the house, room by room: what each is told, what each may do, and how much of a machine it gets.

One entry in these files is one file in functions/handlers. Nobody may delete from a table, only who posts movements writes the
ledger, and only the identity room writes who is in.
"""
