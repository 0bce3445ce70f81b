import re
from pathlib import Path
from typing import Any

import pytest

from countroom.cashier.gateways import DIALECTS
from countroom.cashier.gateways.openers.registry import OPENINGS
from countroom.cashier.payouts.registry import PAYOUT_GATEWAYS
from countroom.cashier.settlement import Difference
from countroom.cashier.withdrawals.withdrawal import OPEN, Attention
from countroom.responsible_play.markers import Marker
from handlers import settlement_check
from handlers.verification_webhook import VENDOR
from infrastructure.stages import stage_settings
from tests.infrastructure.templates import Templates, properties, refers

FUNCTIONS = Path("functions")
RUNBOOK = Path("docs/runbook.md")
HEADING = re.compile(r"^## ([a-z0-9-]+)$", re.MULTILINE)
IMPORT = re.compile(r"^\s*from ((?:countroom|runtime|handlers)[\w.]*) import ([\w, ]+|\()", re.MULTILINE)
NAMED = re.compile(r"docs/runbook\.md#([a-z0-9-]+)")
PROVIDER_SIGNALS = ("SignatureRejected", "IdempotencyMismatch", "OutcomeUnknown", "ProviderKeysUnusable", "CatalogueStale")
PROVIDERS = ("hub88", "swipe", "action_batch")
SERVICES = [f"provider-{provider.replace('_', '-')}" for provider in PROVIDERS]


def alarms(templates: Templates) -> dict[str, Any]:
    return {name: properties(alarm) for name, alarm in templates.of_type("AWS::CloudWatch::Alarm").items()}


def metrics_of(alarm: Any) -> list[Any]:
    """The metrics that an alarm looks at, whether it is on one or calculates with several."""
    return [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one] or [alarm]


def dimensions_of(metric: Any) -> dict[str, Any]:
    return {one["Name"]: one["Value"] for one in metric.get("Dimensions", [])}


def watched(templates: Templates) -> list[tuple[str, dict[str, Any]]]:
    """Name and dimensions of every metric of our own that an alarm looks at."""
    found = [metric for alarm in alarms(templates).values() for metric in metrics_of(alarm)]
    return [(metric["MetricName"], dimensions_of(metric)) for metric in found if metric.get("Namespace") == "Countroom"]


def handlers(templates: Templates) -> dict[str, str]:
    """Service → the file of its entrance."""
    return {
        properties(one)["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]: properties(one)["Handler"].split(".")[1]
        for one in templates.functions().values()
    }


def reachable(handler: str) -> str:
    """The source of an entrance and of all of our own that it imports, as far down as it goes."""
    seen: dict[Path, str] = {}
    waiting = [FUNCTIONS / "handlers" / f"{handler}.py"]
    while waiting:
        path = waiting.pop()
        if path in seen or not path.is_file():
            continue
        seen[path] = path.read_text(encoding="utf-8")
        for package, names in IMPORT.findall(seen[path]):
            folder = FUNCTIONS.joinpath(*package.split("."))
            waiting.append(folder.with_suffix(".py"))
            waiting += [folder / f"{name.strip().split(' ')[0]}.py" for name in names.split(",")]
    return "\n".join(seen.values())


def test_every_metric_with_an_alarm_is_counted_by_the_function_it_names(prod: Templates) -> None:
    served = handlers(prod)
    sources = {service: reachable(handler) for service, handler in served.items()}
    metrics = watched(prod)
    assert len(metrics) > 20
    for name, dimensions in metrics:
        assert f'"{name}"' in sources[dimensions["service"]], name
        for dimension in dimensions.keys() - {"service"}:
            assert f'"{dimension}"' in sources[dimensions["service"]], (name, dimension)


def test_every_alarm_tells_somebody_and_names_its_runbook(every_stage: Templates) -> None:
    (topic,) = every_stage.of_type("AWS::SNS::Topic")
    assert len(alarms(every_stage)) > 40
    for alarm in alarms(every_stage).values():
        assert refers(alarm["AlarmActions"]) == {topic} or f"-Service:ExportsOutputRef{topic}" in str(alarm["AlarmActions"])
        assert "docs/runbook.md#" in alarm["AlarmDescription"]
        silence = alarm["ComparisonOperator"] == "LessThanThreshold"
        assert alarm["TreatMissingData"] == ("breaching" if silence else "notBreaching")


def test_a_schedule_that_does_not_start_its_function_is_seen(every_stage: Templates) -> None:
    silent = [one for one in alarms(every_stage).values() if one["ComparisonOperator"] == "LessThanThreshold"]
    assert len(silent) == len(every_stage.of_type("AWS::Scheduler::Schedule"))
    longest = {}
    for alarm in silent:
        assert (alarm["MetricName"], alarm["Statistic"], alarm["Threshold"]) == ("Invocations", "Sum", 1)
        assert alarm["DatapointsToAlarm"] == alarm["EvaluationPeriods"]
        (runbook,) = NAMED.findall(alarm["AlarmDescription"])
        longest[runbook] = alarm["Period"] * alarm["EvaluationPeriods"] / 3600
    assert longest == {"audit-failed": 30, "rounds-report-failed": 3, "settlement-failed": 3, "withdrawals-unswept": 0.25}


def test_every_alarm_has_its_heading_in_the_runbook_and_every_heading_an_alarm(prod: Templates) -> None:
    headings = HEADING.findall(RUNBOOK.read_text(encoding="utf-8"))
    named = {NAMED.findall(alarm["AlarmDescription"])[0] for alarm in alarms(prod).values()}
    assert len(headings) == len(set(headings))
    assert set(headings) == named


@pytest.mark.parametrize("metric", PROVIDER_SIGNALS)
def test_each_provider_is_watched_for_itself(every_stage: Templates, metric: str) -> None:
    services = {dimensions["service"] for name, dimensions in watched(every_stage) if name == metric}
    assert services >= set(SERVICES)


def test_an_open_circuit_is_seen_for_each_provider(every_stage: Templates) -> None:
    opened = [dimensions for name, dimensions in watched(every_stage) if name == "CircuitOpened"]
    assert sorted(one["provider"] for one in opened) == sorted(
        [*PROVIDERS, VENDOR, *(f"payout-{name}" for name in PAYOUT_GATEWAYS)]
    )


def test_payments_that_cannot_be_opened_are_seen_for_each_gateway_that_is_asked(aws_stage: Templates) -> None:
    found = calculating(aws_stage, "payments-not-opened")
    watched_for = sorted(dimensions_of(metrics_of(alarm)[0])["gateway"] for alarm in found)
    assert watched_for == sorted(OPENINGS)
    for alarm in found:
        assert {metric["MetricName"] for metric in metrics_of(alarm)} == {"GatewayCallUnknown", "GatewayCallRefused"}
        assert (alarm["Threshold"], {dimensions_of(metric)["service"] for metric in metrics_of(alarm)}) == (10, {"deposits"})


def calculating(templates: Templates, runbook: str) -> list[Any]:
    return [one for one in alarms(templates).values() if "Metrics" in one and one["AlarmDescription"].endswith(f"#{runbook}")]


def test_calls_without_a_bet_are_seen_for_each_provider(aws_stage: Templates) -> None:
    found = calculating(aws_stage, "money-flow-stopped")
    assert sorted(dimensions_of(metrics_of(one)[0])["service"] for one in found) == sorted(SERVICES)
    for alarm in found:
        (expression,) = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
        assert expression == "IF(calls >= 50 AND FILL(bets, 0) < 1, 1, 0)"
        ids = {one["Id"]: one["MetricStat"]["Metric"]["MetricName"] for one in alarm["Metrics"] if "MetricStat" in one}
        assert ids == {"calls": "ProviderCalls", "bets": "BetsAccepted"}
        assert (alarm["Threshold"], alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (1, 3, 3)


def test_a_slow_provider_function_is_seen(every_stage: Templates) -> None:
    slow = [one for one in alarms(every_stage).values() if one["AlarmDescription"].endswith("#provider-slow")]
    assert len(slow) == len(SERVICES)
    for alarm in slow:
        assert (alarm["MetricName"], alarm["ExtendedStatistic"], alarm["Threshold"]) == ("Duration", "p99", 1000)


def test_login_and_refresh_that_fail_by_our_fault_are_seen(aws_stage: Templates) -> None:
    paths = set()
    for alarm in calculating(aws_stage, "login-unavailable"):
        (expression,) = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
        assert expression == "IF(asked >= 20, 100 * FILL(failed, 0) / asked, 0)"
        assert (alarm["Threshold"], alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (2, 2, 3)
        assert {metric["MetricName"] for metric in metrics_of(alarm)} == {"5XXError", "Count"}
        for metric in metrics_of(alarm):
            dimensions = dimensions_of(metric)
            paths.add(dimensions.pop("Resource"))
            assert metric["Namespace"] == "AWS/ApiGateway"
            assert dimensions == {"ApiName": f"countroom-{aws_stage.stage}-player", "Stage": "live", "Method": "POST"}
    assert paths == {"/v1/sessions", "/v1/sessions/refresh"}


def test_refused_and_throttled_logins_are_added_up(aws_stage: Templates) -> None:
    (alarm,) = calculating(aws_stage, "credential-attack")
    assert {metric["MetricName"] for metric in metrics_of(alarm)} == {"LoginRefused", "LoginThrottled"}
    assert [one["Expression"] for one in alarm["Metrics"] if "Expression" in one] == ["FILL(first, 0) + FILL(m0, 0)"]


@pytest.mark.parametrize(
    ("metric", "service", "under"),
    [
        ("RefreshReused", "identity", {}),
        ("StepUpRefused", "account", {}),
        ("PasswordResetThrottled", "identity", {}),
        ("LeftUndone", "account", {"what": "mail"}),
        ("LeftUndone", "account", {"what": "give_back"}),
        ("RoundsLeftOpen", "rounds-report", {}),
        *(
            (metric, service, {"gateway": gateway})
            for gateway in ("standard", "stripe", "adyen")
            for metric, service in (
                ("WebhookRejected", "payment-webhook"),
                ("SignatureRejected", "payment-webhook"),
                ("WebhookNotKept", "payment-webhook"),
                ("DepositFailed", "payment-worker"),
                ("DepositReversed", "payment-worker"),
                ("DepositPaidAgain", "payment-worker"),
                ("PaymentEventWaiting", "payment-worker"),
            )
        ),
        ("SignatureRejected", "paymentiq", {"gateway": "paymentiq"}),
        ("WebhookRejected", "paymentiq", {"gateway": "paymentiq"}),
        ("PaymentIqForPeople", "paymentiq", {}),
        ("DepositFailed", "paymentiq", {"gateway": "paymentiq"}),
        ("DepositReversed", "paymentiq", {"gateway": "paymentiq"}),
        ("DepositPaidAgain", "paymentiq", {"gateway": "paymentiq"}),
        *(
            ("DepositsPendingTooLong", "settlement-check", {"gateway": gateway})
            for gateway in ("standard", "stripe", "adyen", "paymentiq")
        ),
        ("SettlementFileMissing", "settlement-check", {}),
        ("SettlementIncomplete", "settlement-check", {}),
        ("CompensationFailed", "withdrawal-step", {}),
        ("SweepIncomplete", "withdrawal-sweeper", {}),
        ("WithdrawalsStarted", "withdrawal-sweeper", {}),
        *(("WithdrawalsForPeople", "withdrawal-sweeper", {"attention": attention.value}) for attention in Attention),
        *(("WithdrawalOldestSeconds", "withdrawal-sweeper", {"state": status.value}) for status in OPEN),
        ("WithdrawalsHeld", "withdrawal-sweeper", {"currency": "EUR"}),
        *(("CaseOpened", "safety-worker", {"marker": marker.value}) for marker in Marker),
        ("SafetyRecordNotKept", "safety-worker", {}),
        ("VerificationCallRefused", "verification", {}),
        ("VerificationSignatureRejected", "verification-webhook", {}),
        ("VerificationWebhookRejected", "verification-webhook", {}),
        ("VerificationWebhookNotKept", "verification-webhook", {}),
        ("VerificationUnknownApplicant", "verification-worker", {}),
        ("VerificationTurnedRed", "verification-worker", {}),
        ("PlayerTooYoung", "verification-worker", {}),
        ("RegisterSilent", "identity", {"at": "registration"}),
        ("RegisterSilent", "identity", {"at": "login"}),
    ],
)
def test_a_signal_is_watched(every_stage: Templates, metric: str, service: str, under: dict[str, str]) -> None:
    assert (metric, {"service": service, **under}) in watched(every_stage)


def test_every_difference_with_a_gateway_is_watched(every_stage: Templates) -> None:
    watching = {name for name, dimensions in watched(every_stage) if dimensions == {"service": "settlement-check"}}
    assert set(settlement_check.COUNTS) == set(Difference)
    assert set(settlement_check.COUNTS.values()) <= watching


def test_whatever_gateway_is_looked_at_for_what_is_pending_is_watched(every_stage: Templates) -> None:
    watching = {dimensions["gateway"] for name, dimensions in watched(every_stage) if name == "DepositsPendingTooLong"}
    assert watching == set(settlement_check.GATEWAYS)


def test_every_gateway_that_sends_webhooks_is_watched(every_stage: Templates) -> None:
    kept = {dimensions["gateway"] for name, dimensions in watched(every_stage) if name == "WebhookNotKept"}
    assert kept == set(DIALECTS)


def test_being_behind_the_ledger_is_seen(every_stage: Templates) -> None:
    late = [one for one in alarms(every_stage).values() if one.get("MetricName") == "IteratorAge"]
    assert sorted(NAMED.findall(one["AlarmDescription"])[0] for one in late) == ["rounds-behind", "trail-behind"]
    for alarm in late:
        assert alarm["Threshold"] == 5 * 60 * 1000
        assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (3, 3)


def test_what_mailboxes_think_of_us_is_watched(every_stage: Templates) -> None:
    ours = {one["MetricName"]: one["Threshold"] for one in alarms(every_stage).values() if one.get("Namespace") == "AWS/SES"}
    assert ours == {"Reputation.BounceRate": 0.05, "Reputation.ComplaintRate": 0.001}


def test_every_provider_of_the_stages_is_one_of_these(every_stage: Templates) -> None:
    assert tuple(stage_settings(every_stage.stage).provider_throttles) == PROVIDERS


def test_a_withdrawal_that_stands_too_long_is_seen_by_the_limit_of_its_state(every_stage: Templates) -> None:
    limits = {
        dimensions_of(one)["state"]: one["Threshold"]
        for one in alarms(every_stage).values()
        if one.get("MetricName") == "WithdrawalOldestSeconds"
    }
    assert limits == dict(stage_settings(every_stage.stage).withdrawal_pace.ages)
