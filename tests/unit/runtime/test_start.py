import gc
import importlib

import handlers
from handlers import wallet
from runtime import start


def test_the_collector_waits_until_an_entrance_is_complete() -> None:
    importlib.reload(handlers)
    assert not gc.isenabled()
    importlib.reload(wallet)
    assert gc.isenabled()


def test_what_stays_is_out_of_the_collectors_sight() -> None:
    before = gc.get_freeze_count()
    stays = [[object()] for _ in range(1000)]
    start.begin()
    start.done()
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(stays)
