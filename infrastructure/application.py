"""Puts the app together: one stage, five stacks."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from infrastructure import bundling, emulator, findings
from infrastructure.stacks.play_safety import PlaySafetyStack
from infrastructure.stacks.service import ServiceStack
from infrastructure.stacks.state import StateStack
from infrastructure.stacks.watch import WatchStack
from infrastructure.stacks.withdrawals import WithdrawalStack
from infrastructure.stages import DEFAULT_STAGE, StageSettings, stage_settings

_CDK_JSON = Path(__file__).resolve().parent.parent / "cdk.json"
_NO_INTERPRETER = "countroom:no-interpreter"


def build(outdir: str, context: Mapping[str, Any] | None = None) -> cdk.App:
    """Make the app of the stage that the context names and write its templates to `outdir`.

    The context is that of cdk.json, then `context`, then what the CDK command line was given (`-c stage=prod`). Raises
    UnknownStageError. For the emulator it also writes what was left out, to left-out.json in `outdir` or to the path in the
    context `left-out`.
    """
    feature_flags = json.loads(_CDK_JSON.read_text(encoding="utf-8"))["context"]
    app = cdk.App(outdir=outdir, context={**feature_flags, **(context or {})}, analytics_reporting=False)
    settings = _settings(app)
    service = _add_stacks(app, settings)
    if settings.emulated:
        left_out = emulator.leave_out_unknown(app)
        report = app.node.try_get_context("left-out") or Path(app.outdir) / "left-out.json"
        emulator.write_report(left_out, Path(report))
    else:
        findings.check(app)
        _say_what_lacks(service, settings)
    app.synth(force=True)
    return app


def _settings(app: cdk.App) -> StageSettings:
    settings = stage_settings(app.node.try_get_context("stage") or DEFAULT_STAGE)
    if not settings.emulated:
        return settings
    # Only who starts the emulator knows on which ports its providers and gateways listen: JSON objects, name → address.
    names = ("launch_urls", "payment_urls", "payout_urls", "verification_urls", "register_urls")
    told = {name: app.node.try_get_context(name.replace("_", "-")) for name in names}
    return replace(settings, **{name: json.loads(value) for name, value in told.items() if value is not None})


def _add_stacks(app: cdk.App, settings: StageSettings) -> cdk.Stack:
    state = StateStack(app, settings=settings, synthesizer=_synthesizer(settings))
    service = ServiceStack(app, settings=settings, state=state, synthesizer=_synthesizer(settings))
    service.add_stack_dependency(state)
    topic, api = service.alarms, service.player_api
    others: list[cdk.Stack] = [
        WatchStack(app, settings=settings, state=state, topic=topic, synthesizer=_synthesizer(settings)),
        WithdrawalStack(app, settings=settings, state=state, topic=topic, synthesizer=_synthesizer(settings)),
        PlaySafetyStack(app, settings=settings, state=state, topic=topic, player_api=api, synthesizer=_synthesizer(settings)),
    ]
    for stack in others:
        stack.add_stack_dependency(service)
    cdk.Tags.of(app).add("countroom:stage", settings.name)
    return service


def _synthesizer(settings: StageSettings) -> cdk.IStackSynthesizer | None:
    # The emulator refuses its bucket to the roles that a bootstrap makes, so there the caller's own credentials do the work.
    return cdk.CliCredentialsStackSynthesizer() if settings.emulated else None


def _say_what_lacks(service: cdk.Stack, settings: StageSettings) -> None:
    python = settings.target.python
    if bundling.interpreter_for(settings.target) is None:
        cdk.Annotations.of(service).add_info_v2(
            _NO_INTERPRETER,
            f"There is no python{python} on the PATH, so the assets hold no byte code: every cold start compiles what it imports. "
            f"With python{python} installed, the next synth compiles it.",
        )
