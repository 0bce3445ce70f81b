"""What a bet costs: CPU in this process, time to import, size of the code, and dollars by public price lists.

Milliseconds depend on the machine; the ratios of one run travel.
"""

import io
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from countroom.ledger.decide import Decision, decide
from countroom.ledger.movements import Bet, OpenWallet, Reference
from countroom.ledger.rules.effects import Facts

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ROOT / "functions"

IMPORTS_REPEATED = 9
CPU_ROUNDS = 5
DECISIONS, DECISION_ROUNDS = 5_000, 9

# us-east-1, on demand, November 2026, in dollars per million
WRITE_UNIT, READ_UNIT, HTTP_REQUEST, INVOCATION = 0.625, 0.125, 1.00, 0.20

_CLIENT = "boto3.client('dynamodb', region_name='eu-west-1', aws_access_key_id='-', aws_secret_access_key='-')"
BARE = f"import boto3; {_CLIENT}"
CALLBACK = "from handlers import provider_callback as entrance; entrance._desk()"
_CALLBACK_SETTINGS = {
    "PROVIDER": "hub88",
    "PROVIDER_SECRET": "bench",
    "LEDGER_TABLE": "bench",
    "GAMES_TABLE": "bench",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "-",
    "AWS_SECRET_ACCESS_KEY": "-",
    "POWERTOOLS_METRICS_NAMESPACE": "Countroom",
    "POWERTOOLS_SERVICE_NAME": "bench",
}


def dollars_per_million(write_units: float, read_units: float) -> float:
    """Price a million bets: DynamoDB units, one HTTP API request and one Lambda invocation each (duration not counted).

    `write_units` are all that a bet causes, those of an index after the fact too.
    """
    return write_units * WRITE_UNIT + read_units * READ_UNIT + HTTP_REQUEST + INVOCATION


def import_ms() -> dict[str, float]:
    """Return the best import time in milliseconds of the callback Lambda with its clients, and of a bare boto3 client.

    The two alternate, so that a slow moment of the machine hits both.
    """
    best = {"callback": float("inf"), "bare": float("inf")}
    for _ in range(IMPORTS_REPEATED):
        for name, code in (("callback", CALLBACK), ("bare", BARE)):
            best[name] = min(best[name], _import_once(code))
    return best


def _import_once(code: str) -> float:
    timed = f"import time; begin = time.perf_counter(); {code}; print(time.perf_counter() - begin)"
    done = subprocess.run(  # noqa: S603 - fixed code, no shell
        [sys.executable, "-c", timed],
        env={"PYTHONPATH": str(FUNCTIONS), "PATH": "/usr/bin:/bin", **_CALLBACK_SETTINGS},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return float(done.stdout.splitlines()[-1]) * 1000


def cpu_us(works: dict[str, Callable[[int], None]], each: int) -> dict[str, float]:
    """Return the median CPU microseconds of one call of each work in this process; rounds alternate between them.

    A work is called with a number that is never used twice.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    number = 0
    for _ in range(CPU_ROUNDS):
        for name, work in works.items():
            begin = time.process_time()
            for _ in range(each):
                number += 1
                work(number)
            taken[name].append((time.process_time() - begin) / each * 1e6)
    return {name: statistics.median(values) for name, values in taken.items()}


def decisions_per_second() -> float:
    """Return how many bets one core decides in a second of CPU, storage left out: the best of several rounds."""
    opened = decide(None, Facts(), OpenWallet.of("pl_bench", "EUR", "MT"), 1)
    assert isinstance(opened, Decision)  # noqa: S101 - an opening of nothing is never refused
    wallet = replace(opened.wallet, cash=10**12)
    bet = Bet(Reference("game:bench", "b" * 36), "pl_bench", "EUR", 10**9, "bench", "r" * 36)
    best = 0.0
    for _ in range(DECISION_ROUNDS):
        begin = time.process_time()
        for _ in range(DECISIONS):
            decide(wallet, Facts(), bet, 2)
        best = max(best, DECISIONS / (time.process_time() - begin))
    return best


def code_zip_kib() -> float:
    """Return the size of the functions' own code, zipped, in KiB."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(FUNCTIONS.rglob("*")):
            if path.is_file() and path.suffix in {".py", ".json", ".txt"}:
                archive.write(path, path.relative_to(FUNCTIONS))
    return len(packed.getvalue()) / 1024
