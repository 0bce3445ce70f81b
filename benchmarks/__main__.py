"""Run every contender on the emulator, judge it, price it, and show the table: `make bench`."""

import argparse
import contextlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from rich.console import Console
from rich.progress import Progress

from benchmarks import cost, identity, picture, report, warm
from benchmarks.contenders import Contender, Countroom, Floor, PowertoolsIdempotent, ReadCompareSet
from benchmarks.drive import run
from benchmarks.stream import Trouble, players, stream
from benchmarks.verdict import Verdict, judge
from sandbox import emulator
from sandbox.setup import EMULATOR_VENV

HERE = Path(__file__).resolve().parent
PLAYERS = 60
CPU_EACH = 150
_RETRIES = {"mode": "standard", "total_max_attempts": 1}


@dataclass(frozen=True, slots=True)
class Line:
    """One contender's row. Units and requests are those of a plain first bet."""

    name: str
    verdict: Verdict | None
    requests: float
    write_units: float
    read_units: float
    cpu_us: float
    bets_per_second: float
    dollars_per_million: float


def main() -> int:
    """Measure and show; 1 when Countroom itself has a violation."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--bets", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=88)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _endpoint(Path(folder)) as endpoint:
        lines, callback = _measure(endpoint, asked.seed, asked.bets)
        logins = _measure_identity(endpoint)
    imports = cost.import_ms()
    result = report.result(asked.seed, asked.bets, lines, callback, imports, cost.code_zip_kib(), cost.decisions_per_second())
    result["identity"] = logins
    (HERE / "results.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    picture.draw(result, HERE.parent / "docs" / "benchmark.svg")
    console = Console(width=None if sys.stdout.isatty() else 150)
    report.show(console, result)
    identity.show(console, logins)
    ours = lines[0].verdict
    return 0 if ours is not None and ours.violations == 0 else 1


@contextlib.contextmanager
def _endpoint(folder: Path) -> Any:
    with socket.socket() as probe:
        probe.bind((emulator.HOST, 0))
        port = probe.getsockname()[1]
    with emulator.running(EMULATOR_VENV / "bin" / "python", port, folder, folder / "emulator.log") as endpoint:
        yield endpoint


def _client(service: str, endpoint: str) -> Any:
    config = Config(connect_timeout=2, read_timeout=20, retries=_RETRIES, max_pool_connections=32)
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator's public default
        config=config,
    )


def _table(client: Any, name: str, key: str = "pk", sort_key: str = "", *, history: bool = False) -> str:
    request: dict[str, Any] = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
    }
    if sort_key:
        request["KeySchema"].append({"AttributeName": sort_key, "KeyType": "RANGE"})
        request["AttributeDefinitions"].append({"AttributeName": sort_key, "AttributeType": "S"})
    if history:
        request["AttributeDefinitions"] += [
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
        ]
        keys = [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}]
        index = {"IndexName": "history", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}
        request["GlobalSecondaryIndexes"] = [index]
    client.create_table(**request)
    return name


def _measure(endpoint: str, seed: int, count: int) -> tuple[list[Line], dict[str, float]]:
    client = _client("dynamodb", endpoint)
    ledger = _table(client, "ledger", history=True)
    contenders: list[Contender] = [
        Countroom(client, ledger),
        PowertoolsIdempotent(client, _table(client, "powertools"), _table(client, "powertools-keys", "id")),
        ReadCompareSet(client, _table(client, "compare-set")),
        Floor(client, _table(client, "floor")),
    ]
    names = players(PLAYERS)
    bets = stream(seed, count, names)
    with Progress(disable=not sys.stderr.isatty(), console=Console(stderr=True)) as shown:
        lines = [_line(contender, names, bets, shown) for contender in contenders]
        task = shown.add_task("CPU of a warm bet", total=None)
        cpu = _cpu(contenders, endpoint, client, ledger)
        shown.remove_task(task)
    lines = [Line(**{**asdict(line), "verdict": line.verdict, "cpu_us": cpu[line.name]}) for line in lines]
    callback = {"callback": cpu["callback"], "floor": cpu[contenders[-1].name]}
    return lines, callback


def _measure_identity(endpoint: str) -> dict[str, Any]:
    sys.stderr.write(f"logging in: {identity.TRIES} refusals of each kind, {identity.LOGINS} logins\n")
    with _quiet():
        ground = identity.prepare(endpoint, _client("dynamodb", endpoint), _client("kms", endpoint))
        return identity.measure(ground)


def _line(contender: Contender, names: Sequence[str], bets: Sequence[Any], shown: Progress) -> Line:
    for name in names:
        contender.open(name)
    first = next(bet for bet in bets if bet.trouble is Trouble.NONE)
    done = run(contender, bets, _ticker(shown, contender.name, len(bets)))
    judged = not isinstance(contender, Floor)
    verdict = judge(done.answers, {name: contender.balance(name) for name in names}) if judged else None
    contender.meter.arm(None)
    before = contender.meter.counts.copy()
    contender.place(type(first)(first.player, "plain-first-bet", first.amount, Trouble.NONE, 0))
    used = contender.meter.counts - before
    reads = used["half_read_units"] / 2
    return Line(
        name=contender.name,
        verdict=verdict,
        requests=used["requests"],
        write_units=used["write_units"],
        read_units=reads,
        cpu_us=0.0,
        bets_per_second=len(bets) / done.seconds,
        dollars_per_million=cost.dollars_per_million(used["write_units"] + contender.index_units, reads),
    )


def _ticker(shown: Progress, name: str, total: int) -> Callable[[], None]:
    task = shown.add_task(name, total=total)
    if not sys.stderr.isatty():
        sys.stderr.write(f"{name}: {total} bets\n")
    return lambda: shown.advance(task)


def _cpu(contenders: Sequence[Contender], endpoint: str, client: Any, ledger: str) -> dict[str, float]:
    """Measure a plain first bet of every contender, and the callback Lambda with all that it does around it."""
    template = stream(1, 1, ["pl_bench0000"])[0]

    def placing(contender: Contender) -> Callable[[int], None]:
        def place(number: int) -> None:
            contender.place(type(template)("pl_bench0059", f"cpu-{number}", 100, Trouble.NONE, 0))

        return place

    works = {contender.name: placing(contender) for contender in contenders}
    with _quiet():
        games = _table(client, "bench-games", "pk", "sk")
        handler = warm.prepare(endpoint, client, _client("secretsmanager", endpoint), ledger, games)
        works["callback"] = handler.work
        for number in range(1, len(works) * CPU_EACH * cost.CPU_ROUNDS + 1):
            handler.sign(number)
        return cost.cpu_us(works, CPU_EACH)


@contextlib.contextmanager
def _quiet() -> Any:
    """Send what the measured handler prints (metrics, log lines) to the null device: writing it stays part of the work."""
    with Path(os.devnull).open("w", encoding="utf-8") as sink, contextlib.redirect_stdout(sink):
        yield


if __name__ == "__main__":
    sys.exit(main())
