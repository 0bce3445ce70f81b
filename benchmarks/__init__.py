"""The same bets through Countroom and through what one would build instead: wrong money first, then cost."""
