import ast
import importlib.util
import struct
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infrastructure import bundling
from infrastructure.bundling import (
    PRUNING,
    BundlingError,
    Pruning,
    code_options,
    compile_byte_code,
    layer_options,
    prune,
    source_files,
)
from infrastructure.stages import stage_settings

HOST = stage_settings("sandbox").target
AWS = stage_settings("prod").target
NOWHERE = replace(AWS, python="3.99")


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n", encoding="utf-8")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_pruning_takes_what_a_lambda_never_reads_and_nothing_else(tmp_path: Path) -> None:
    kept = {
        "botocore/data/dynamodb/2012-08-10/service-2.json",
        "botocore/data/endpoints.json",
        "botocore/session.py",
        "thing/tests.py",
        "thing-1.dist-info/METADATA",
        "thing-1.dist-info/entry_points.txt",
    }
    gone = {
        "bin/tool",
        "boto3/data/ec2.json",
        "botocore/data/ec2/2016-11-15/service-2.json",
        "thing/inner/tests/test_it.py",
        "thing/stub.pyi",
        "thing-1.dist-info/RECORD",
    }
    put(tmp_path, *kept, *gone)
    prune(tmp_path, PRUNING)
    assert files(tmp_path) == kept


def test_pruning_of_nothing_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path, "one.py", "two/three.py")
    prune(tmp_path, Pruning(botocore_services=(), paths=("nowhere/**",)))
    assert files(tmp_path) == {"one.py", "two/three.py"}


def clients(tree: ast.AST) -> Iterator[str]:
    """Names of AWS services in calls such as aws.client("sqs")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"client", "create_client"}:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant):
                yield str(first.value)


def test_the_layer_keeps_the_model_of_every_service_that_a_function_calls() -> None:
    sources = [path for path in source_files() if path.suffix == ".py"]
    used = {name for path in sources for name in clients(ast.parse(path.read_text(encoding="utf-8")))}
    assert used
    assert used == set(PRUNING.botocore_services)


def test_the_same_input_has_the_same_name_and_another_input_another() -> None:
    name = layer_options(AWS)[0]
    assert layer_options(AWS)[0] == name
    others = {
        layer_options(HOST)[0],
        layer_options(NOWHERE)[0],
        layer_options(AWS, replace(PRUNING, paths=()))[0],
        code_options(AWS)[0],
    }
    assert name not in others
    assert len(others) == 4


def test_a_changed_source_gives_the_code_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundling, "FUNCTIONS_FOLDER", tmp_path)
    put(tmp_path, "handlers/one.py", "handlers/__pycache__/one.cpython-311.pyc", ".hidden")
    assert [path.name for path in source_files()] == ["one.py"]
    before = code_options(HOST)[0]
    (tmp_path / "handlers" / "one.py").write_text("x = 2\n", encoding="utf-8")
    assert code_options(HOST)[0] != before


def test_byte_code_is_compiled_for_this_interpreter_and_never_checked_against_times(tmp_path: Path) -> None:
    put(tmp_path, "one.py")
    compile_byte_code(tmp_path, HOST)
    compiled = Path(importlib.util.cache_from_source(str(tmp_path / "one.py"))).read_bytes()
    assert compiled[:4] == importlib.util.MAGIC_NUMBER
    assert struct.unpack("<I", compiled[4:8]) == (0b01,), "by hash of the source, not checked at import (PEP 552)"
    assert str(tmp_path).encode() not in compiled, "the same bytes wherever it is built"


def test_without_the_interpreter_there_is_no_byte_code(tmp_path: Path) -> None:
    put(tmp_path, "one.py")
    compile_byte_code(tmp_path, NOWHERE)
    assert files(tmp_path) == {"one.py"}


def test_a_command_that_fails_says_which_and_why(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def\n", encoding="utf-8")
    with pytest.raises(BundlingError, match=r"(?s)compileall.*broken\.py"):
        compile_byte_code(tmp_path, HOST)


def test_every_requirement_of_the_layer_is_pinned_with_a_hash() -> None:
    text = (bundling.LAYER_FOLDER / "requirements.txt").read_text(encoding="utf-8")
    entries = [entry for entry in text.replace("\\\n", " ").splitlines() if entry and not entry.lstrip().startswith("#")]
    assert entries
    for entry in entries:
        assert "==" in entry
        assert "--hash=sha256:" in entry


def test_aws_gets_wheels_for_its_own_processor() -> None:
    assert AWS.platform is not None
    assert AWS.platform.startswith("aarch64-manylinux")
    assert HOST.platform is None
    assert bundling.interpreter_for(HOST) == sys.executable
