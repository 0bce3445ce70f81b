"""Break the pure rules on purpose, one place at a time, and count how often the tests notice: `python -m tools.mutation`.

Each mutant changes one node of one module's syntax tree (an operator, a constant, a condition, a returned value, a keyword, a
statement) and is imported in place of the module by a process of its own, which runs the module's tests, then all tests of the
pure rules. A mutant that no test fails for survives and is named at the end.

Properties, class bodies and module-level tables are mutated like everything else.
"""

import argparse
import ast
import copy
import gc
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
FUNCTIONS: Final = ROOT / "functions"
GOAL_PERCENT: Final = 90.0
TIMEOUT_S: Final = 120
_SHOWN: Final = 70
_UNIT: Final = "tests/unit/"
_PRELOADED: Final = ("boto3", "moto", "moto.core", "runtime.aws")
"""What the tests import beside the rules: once here rather than in every process."""

TESTS: Final[dict[str, tuple[str, ...]]] = {
    "countroom.money": ("test_money.py",),
    "countroom.ledger.movements": ("ledger/test_movements.py", "ledger/test_reasons.py"),
    "countroom.ledger.safeguards": ("ledger/test_safeguards.py", "ledger/test_movements.py"),
    "countroom.ledger.wallet": ("ledger/test_wallet.py",),
    "countroom.ledger.records": ("ledger/test_records.py",),
    "countroom.ledger.decide": ("ledger/test_decide.py",),
    "countroom.ledger.rules.effects": ("ledger/test_play.py", "ledger/test_payments.py"),
    "countroom.ledger.rules.play": ("ledger/test_play.py",),
    "countroom.ledger.rules.payments": ("ledger/test_payments.py",),
    "countroom.ledger.rules.bonuses": ("ledger/test_bonuses.py",),
    "countroom.ledger.rules.housekeeping": ("ledger/test_housekeeping.py",),
    "countroom.ledger.rules.limits": ("ledger/test_limits.py", "ledger/test_payments.py"),
    "countroom.ledger.rules.exclusions": ("ledger/test_exclusions.py",),
    "countroom.ledger.rules.clock": ("ledger/test_clock.py",),
    "countroom.ledger.rules.buckets": ("ledger/test_buckets.py",),
}
"""The modules that are mutated, and the tests that are asked first; then all of these are."""

_COMPARED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_CALCULATED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
}


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    module: str
    line: int
    change: str
    tree: ast.Module


def path_of(module: str) -> Path:
    """Return the file of a module."""
    return FUNCTIONS / (module.replace(".", "/") + ".py")


def mutants_of(module: str) -> Iterator[Mutant]:
    """Make every mutant of a module."""
    tree = ast.parse(path_of(module).read_text())
    places = list(_places(tree))
    for at, node in enumerate(places):
        for variant in range(len(list(_variants(node)))):
            mutated = copy.deepcopy(tree)
            target = list(_places(mutated))[at]
            before = ast.unparse(target)
            after = list(_variants(target))[variant]()
            if isinstance(after, ast.AST):
                _swap(mutated, target, after)
            line = getattr(target, "lineno", 0)
            change = f"{_short(before)}  →  {_short(ast.unparse(after or target))}"
            yield Mutant(module, line, change, ast.fix_missing_locations(mutated))


def _places(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs: no annotations, decorators, docstrings, or words of an error message."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            if isinstance(child, ast.Raise):
                yield child
            elif isinstance(child, ast.AST):
                yield child
                yield from _places(child)


def _variants(node: ast.AST) -> Iterator[Callable[[], ast.AST | None]]:
    """Yield the ways to change a node: each changes it in place (None) or answers what stands in its stead."""
    match node:
        case ast.Compare(ops=operators):
            for at, operator in enumerate(operators):
                yield from (_setting(operators, at, other()) for other in _COMPARED[type(operator)])
        case ast.Call(keywords=keywords):
            yield from (_dropping(keywords, at) for at in range(len(keywords)))
        case ast.Set(elts=elements):
            yield from (_dropping(elements, at) for at in range(len(elements)))
        case ast.Constant(value=value):
            yield from ((lambda other=other: ast.Constant(other)) for other in _other_constants(value))
        case ast.BinOp() | ast.BoolOp() | ast.UnaryOp():
            yield from _other_calculations(node)
        case _:
            yield from _other_statements(node)


def _other_calculations(node: ast.BinOp | ast.BoolOp | ast.UnaryOp) -> Iterator[Callable[[], ast.AST | None]]:
    match node:
        case ast.BinOp(op=operator) if other := _CALCULATED.get(type(operator)):
            yield lambda: ast.BinOp(node.left, other(), node.right)
        case ast.BoolOp(op=operator, values=values):
            yield lambda: ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield lambda: operand


def _other_statements(node: ast.AST) -> Iterator[Callable[[], ast.AST | None]]:
    match node:
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield lambda: ast.Return(ast.Constant(None))
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if not isinstance(test, ast.Compare):
            yield lambda: _negated(node)
        case ast.Raise() | ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield ast.Pass


def _setting(operators: list[ast.cmpop], at: int, other: ast.cmpop) -> Callable[[], None]:
    return lambda: operators.__setitem__(at, other)


def _dropping(entries: list[ast.expr] | list[ast.keyword], at: int) -> Callable[[], None]:
    return lambda: entries.__delitem__(at)


def _negated(node: ast.If | ast.IfExp | ast.While) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _other_constants(value: object) -> tuple[bool | int | str | bytes, ...]:
    match value:
        case bool():
            return (not value,)
        case int():
            return (value + 1, value - 1)
        case str():
            return (f"XX{value}XX",)
        case bytes():
            return (b"XX" + value,)
    return ()


def _swap(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    ast.copy_location(new, old)
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list):
                value[:] = [new if entry is old else entry for entry in value]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


class _Instead(MetaPathFinder, Loader):
    """Imports one module from other code than its file's."""

    def __init__(self, module: str, code: CodeType) -> None:
        self._module = module
        self._code = code

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """Find the one module."""
        if fullname != self._module:
            return None
        return spec_from_loader(fullname, self, origin=str(path_of(fullname)))

    def exec_module(self, module: ModuleType) -> None:
        """Run the other code."""
        exec(self._code, module.__dict__)  # noqa: S102 - the point of it


def _tested(mutant: Mutant | None, tests: Sequence[str]) -> None:
    """Run tests in this forked process, on a mutant, and end it: 0 when all pass."""
    signal.alarm(TIMEOUT_S)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    status = 3
    try:
        if mutant is not None:
            code = compile(mutant.tree, str(path_of(mutant.module)), "exec")
            sys.meta_path.insert(0, _Instead(mutant.module, code))
        options = ["-x", "-q", "--tb=no", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:logging"]
        status = int(pytest.main([*options, *(_UNIT + name for name in tests)]))
    finally:
        os._exit(status)


def _passing(mutant: Mutant | None, tests: Sequence[str]) -> bool:
    """Say whether tests pass, in a process of their own. A mutant that hangs or crashes fails them."""
    child = os.fork()
    if child == 0:
        _tested(mutant, tests)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise SystemExit(f"no tests in {tests}")
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


def survives(mutant: Mutant) -> bool:
    """Say whether no test notices: the module's own are asked first, then all."""
    own = TESTS[mutant.module]
    return _passing(mutant, own) and _passing(mutant, all_tests())


def all_tests() -> tuple[str, ...]:
    """Return the files of all tests of the pure rules."""
    return tuple(dict.fromkeys(name for names in TESTS.values() for name in names))


def _share(mutants: Sequence[Mutant], write: int) -> None:
    """Work through mutants in a forked process: one byte for each, and the end of the process."""
    for mutant in mutants:
        os.write(write, b"s" if survives(mutant) else b"k")
    os._exit(0)


def judged(mutants: Sequence[Mutant], processes: int) -> list[Mutant]:
    """Judge all mutants with a number of processes; return the survivors in their order."""
    readers = []
    for first in range(processes):
        read, write = os.pipe()
        if os.fork() == 0:
            _share(mutants[first::processes], write)
        os.close(write)
        readers.append(read)
    verdicts: list[list[bytes]] = [[] for _ in readers]
    for done in range(1, len(mutants) + 1):
        turn = (done - 1) % processes
        verdict = os.read(readers[turn], 1)
        if not verdict:
            raise SystemExit("a process of the run has ended early")
        verdicts[turn].append(verdict)
        if sys.stderr.isatty() or done % 100 == 0:
            print(f"\r{done}/{len(mutants)} mutants", end="" if sys.stderr.isatty() else "\n", file=sys.stderr)
    for _ in readers:
        os.wait()
    return [mutant for at, mutant in enumerate(mutants) if verdicts[at % processes][at // processes] == b"s"]


def report(mutants: Sequence[Mutant], survivors: Sequence[Mutant], seconds: float) -> bool:
    """Print the score of each module and of all, and the survivors; say whether the goal is reached."""
    for module in TESTS:
        total = sum(mutant.module == module for mutant in mutants)
        lived = sum(mutant.module == module for mutant in survivors)
        if total:
            print(f"{module:40} {total - lived:5} of {total:5} noticed  {100 * (total - lived) / total:6.1f} %")
    score = 100 * (len(mutants) - len(survivors)) / len(mutants)
    for mutant in survivors:
        print(f"survived  {path_of(mutant.module).relative_to(ROOT)}:{mutant.line}  {mutant.change}")
    print(f"mutation score {score:.1f} % ({len(mutants) - len(survivors)} of {len(mutants)}) in {seconds:.0f} s")
    return score >= GOAL_PERCENT


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Mutation score of the pure rules.")
    parser.add_argument("--only", default="", help="modules whose name has this in it")
    parser.add_argument("--sample", type=int, default=0, help="so many mutants, drawn with --seed (0: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = False
    for name in _PRELOADED:
        import_module(name)
    assert not any(name.split(".")[0] == "countroom" for name in sys.modules)  # noqa: S101 - each process imports its own
    with tempfile.TemporaryDirectory() as cache:
        sys.pycache_prefix = cache  # compiled once rather than in every process
        return _run(chosen)


def _run(chosen: argparse.Namespace) -> int:
    if not _passing(None, all_tests()):
        raise SystemExit("the tests fail without any mutant")
    for module in TESTS:
        if not _passing(Mutant(module, 0, "", ast.parse(path_of(module).read_text())), TESTS[module]):
            raise SystemExit(f"the tests fail for {module} unchanged: what they notice would prove nothing")
    mutants = [mutant for module in TESTS if chosen.only in module for mutant in mutants_of(module)]
    if chosen.sample:
        mutants = random.Random(chosen.seed).sample(mutants, min(chosen.sample, len(mutants)))  # noqa: S311 - no secret
    gc.freeze()  # or every process would copy what it only looks at
    started = time.monotonic()
    survivors = judged(mutants, chosen.processes)
    return 0 if report(mutants, survivors, time.monotonic() - started) else 1


if __name__ == "__main__":
    sys.exit(main())
