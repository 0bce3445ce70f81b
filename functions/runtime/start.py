"""The start of a Lambda function: collecting garbage waits until everything that stays has been made.

Importing the SDK makes hundreds of thousands of objects that live as long as the process. The collector would walk them several
times during the start, and all of them again now and then between two bets.
"""

import gc


def begin() -> None:
    """Hold the collector back. `handlers` calls this before any entrance is imported."""
    gc.disable()


def done() -> None:
    """Take what exists out of the collector's sight for good, and let it work on what comes."""
    gc.freeze()
    gc.enable()
