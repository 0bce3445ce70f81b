"""The rules of money, by what they are about. `countroom.ledger.decide` is the way in."""
