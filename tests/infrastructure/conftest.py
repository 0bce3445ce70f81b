from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from infrastructure.application import build
from infrastructure.stages import STAGE_NAMES
from tests.infrastructure.templates import Templates, read_templates

WITHOUT_BUNDLING: dict[str, object] = {"aws:cdk:bundling-stacks": []}
AWS_STAGES = ("dev", "prod")


@pytest.fixture(scope="session")
def synthesised() -> Iterator[Callable[[str], Templates]]:
    """Templates of a stage by its name; a stage is synthesised once in a session, and only if a test asks for it."""
    with ExitStack() as folders:

        @cache
        def of(stage: str) -> Templates:
            folder = folders.enter_context(TemporaryDirectory(prefix="countroom-templates-"))
            build(folder, {**WITHOUT_BUNDLING, "stage": stage})
            return read_templates(Path(folder), stage)

        yield of


@pytest.fixture(params=STAGE_NAMES)
def every_stage(request: pytest.FixtureRequest, synthesised: Callable[[str], Templates]) -> Templates:
    return synthesised(request.param)


@pytest.fixture(params=AWS_STAGES)
def aws_stage(request: pytest.FixtureRequest, synthesised: Callable[[str], Templates]) -> Templates:
    return synthesised(request.param)


@pytest.fixture
def sandbox(synthesised: Callable[[str], Templates]) -> Templates:
    return synthesised("sandbox")


@pytest.fixture
def prod(synthesised: Callable[[str], Templates]) -> Templates:
    return synthesised("prod")
