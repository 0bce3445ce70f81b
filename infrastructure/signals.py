"""Which counts of the functions are worth an alarm, room by room. docs/runbook.md has a heading for each."""

from collections.abc import Mapping, Sequence

from infrastructure.catalogue.games import provider_service
from infrastructure.constructs.signals import Gauge, Signal

IDENTITY = (
    Signal(
        "LoginRefused",
        "identity",
        300,
        5,
        "Many logins are refused or throttled.",
        "credential-attack",
        along=("LoginThrottled",),
    ),
    Signal("GuessesThrottled", "account", 20, 5, "Passwords or codes are guessed inside live sessions.", "credential-attack"),
    Signal("StepUpRefused", "account", 20, 5, "Proofs inside live sessions are refused again and again.", "step-up-refused"),
    Signal("PasswordResetThrottled", "identity", 10, 5, "Second factors are guessed at password resets.", "reset-throttled"),
    Signal("RefreshReused", "identity", 3, 60, "Refresh tokens that were used up are tried again.", "refresh-reused"),
    Signal(
        "LeftUndone",
        "identity",
        10,
        5,
        "Right passwords go on counting as guesses after a login.",
        "left-undone",
        under={"what": "give_back"},
    ),
    Signal(
        "LeftUndone", "identity", 10, 5, "Owners are not told of logins from new devices.", "left-undone", under={"what": "mail"}
    ),
    Signal(
        "LeftUndone",
        "account",
        10,
        5,
        "Right codes go on counting as guesses after a step-up.",
        "left-undone",
        under={"what": "give_back"},
    ),
    Signal(
        "LeftUndone", "account", 10, 5, "Owners are not told of changes of their accounts.", "left-undone", under={"what": "mail"}
    ),
    Signal("MailFailed", "mailer", 10, 5, "E-mail cannot be sent.", "mail"),
)
LEDGER = (
    Signal("ReconciliationMismatch", "ledger-audit", 1, 5, "A balance differs from its records.", "ledger-mismatch"),
    Signal("InvariantViolation", "ledger-audit", 1, 5, "A wallet is in a state that no rule allows.", "ledger-mismatch"),
    Signal("AuditIncomplete", "ledger-audit", 1, 5, "The audit ended before it had seen every wallet.", "audit-incomplete"),
)


def of_cashier(gateways: Sequence[str]) -> list[Signal]:
    """Give the signals of the cashier: those of the webhooks for each of `gateways` apart."""
    found = [
        _of_check("SettlementMissingHere", "A gateway has money that no deposit shows.", "settlement-difference"),
        _of_check("SettlementMissingThere", "Deposits were credited that no gateway settles.", "settlement-difference"),
        _of_check("SettlementAmountDiffers", "A gateway settles other amounts than were credited.", "settlement-difference"),
        _of_check("SettlementLate", "Deposits were credited long after their gateway had the money.", "settlement-late"),
        _of_check("SettlementUnreadable", "A settlement file has lines that cannot be read.", "settlement-file"),
        _of_check("SettlementFileMissing", "There is no settlement file for a day with deposits.", "settlement-file"),
        _of_check("SettlementIncomplete", "Settlement files could not be compared to the end.", "settlement-failed"),
        *(_of_pending(gateway) for gateway in (*gateways, "paymentiq")),
        *_of_paymentiq(),
    ]
    for gateway in gateways:
        found += _of_webhooks(gateway)
    return found


def _of_check(metric: str, means: str, runbook: str) -> Signal:
    return Signal(metric, "settlement-check", 1, 60, means, runbook)


def _of_pending(gateway: str) -> Signal:
    means, under = f"{gateway} has been processing payments for more than a day.", {"gateway": gateway}
    return Signal("DepositsPendingTooLong", "settlement-check", 1, 60, means, "deposits-pending", under=under)


def of_payments(gateways: Sequence[str]) -> list[Signal]:
    """Give the signals of opening payments, for each of `gateways` that is asked to open one."""
    return [
        Signal(
            "GatewayCallUnknown",
            "deposits",
            10,
            5,
            f"Payments cannot be opened at {gateway}.",
            "payments-not-opened",
            along=("GatewayCallRefused",),
            under={"gateway": gateway},
        )
        for gateway in gateways
    ]


def _of_paymentiq() -> list[Signal]:
    service, under = "paymentiq", {"gateway": "paymentiq"}
    forged, odd = "Calls come without PaymentIQ's secret.", "PaymentIQ calls in a form that is not its own."
    unknown, unbooked = "Answers to PaymentIQ had to leave the outcome open.", "PaymentIQ moved money that could not be booked."
    return [
        Signal("SignatureRejected", service, 10, 5, forged, "signature-rejected", under=under),
        Signal("WebhookRejected", service, 1, 5, odd, "webhook-rejected", under=under),
        Signal("PaymentIqOutcomeUnknown", service, 10, 5, unknown, "outcome-unknown"),
        Signal("PaymentIqForPeople", service, 1, 60, unbooked, "payments-for-people"),
        *_of_deposits("paymentiq", service),
    ]


def _of_webhooks(gateway: str) -> list[Signal]:
    """Give what is worth an alarm of what the intake and the worker count of one gateway."""
    intake, under = "payment-webhook", {"gateway": gateway}
    odd, forged = f"{gateway} signed something that is no event of its own.", f"Signatures of {gateway} do not verify."
    waiting = f"{gateway} took back or returned what the house does not know of."
    return [
        Signal("WebhookRejected", intake, 1, 5, odd, "webhook-rejected", under=under),
        Signal("SignatureRejected", intake, 10, 5, forged, "signature-rejected", under=under),
        Signal("WebhookNotKept", intake, 5, 5, f"Webhooks of {gateway} cannot be kept.", "webhook-not-kept", under=under),
        Signal("PaymentEventWaiting", "payment-worker", 1, 60, waiting, "payments-waiting", under=under),
        *_of_deposits(gateway, "payment-worker"),
    ]


def _of_deposits(gateway: str, service: str) -> list[Signal]:
    """Give what is worth an alarm of what the events of one gateway do to deposits, as `service` counts it."""
    under, failing = {"gateway": gateway}, f"{gateway} reports many failed payments."
    reversed_, again = f"{gateway} took several payments back.", f"{gateway} reports a second payment for one deposit."
    return [
        Signal("DepositFailed", service, 30, 60, failing, "payments-failing", under=under),
        Signal("DepositReversed", service, 5, 60, reversed_, "payments-reversed", under=under),
        Signal("DepositPaidAgain", service, 1, 60, again, "payments-for-people", under=under),
    ]


def of_games(providers: Sequence[str]) -> list[Signal]:
    """Give the signals of the games room: those of the callbacks for each provider apart."""
    found = [
        Signal("RoundsLeftOpen", "rounds-report", 1, 60, "Rounds were left open for two days.", "rounds-left-open"),
        Signal("RoundsReportIncomplete", "rounds-report", 1, 60, "The report did not see every round.", "rounds-report-failed"),
    ]
    for provider in providers:
        service = provider_service(provider)
        found += [
            Signal("SignatureRejected", service, 10, 5, f"Signatures of {provider} do not verify.", "signature-rejected"),
            Signal("IdempotencyMismatch", service, 4, 60, f"{provider} sent known ids with other content.", "idempotency-mismatch"),
            Signal("OutcomeUnknown", service, 10, 5, f"Answers to {provider} had to leave the outcome open.", "outcome-unknown"),
            Signal("ProviderKeysUnusable", service, 1, 5, f"The keys of {provider} cannot be used.", "provider-keys"),
            Signal("CatalogueStale", service, 10, 5, f"Bets of {provider} are judged by an old list of games.", "catalogue-stale"),
            Signal(
                "CircuitOpened",
                "games",
                3,
                5,
                f"{provider} cannot be reached: its games are not launched.",
                "provider-down",
                under={"provider": provider},
            ),
            Signal(
                "MovementAfterClose",
                "rounds-worker",
                5,
                60,
                f"{provider} goes on in rounds that it has closed.",
                "rounds-left-open",
                under={"provider": provider},
            ),
        ]
    return found


_STEP, _SWEEPER = "withdrawal-step", "withdrawal-sweeper"
_FOR_PEOPLE = {
    "outcome_unknown": ("A gateway does not say whether it has paid.", "payout-outcome-unknown"),
    "late_payment": ("A payout was made although its money had been released.", "payout-contradicts"),
    "paid_then_failed": ("A gateway says of one payout that it paid and that it failed.", "payout-contradicts"),
    "never_submitted": ("A gateway speaks of a payout that was not ordered.", "payout-contradicts"),
    "other_figures": ("A gateway paid another amount, or names another currency.", "payout-contradicts"),
    "return_unbooked": ("A payout came back and is not credited.", "payout-contradicts"),
    "step_failed": ("Withdrawals stand still because a step fails.", "withdrawal-step-failed"),
    "machine_lost": ("Executions of a withdrawal die again and again.", "withdrawal-step-failed"),
    "approval_overdue": ("Withdrawals wait for staff longer than they should.", "withdrawals-waiting"),
    "escalated": ("Staff has escalated withdrawals.", "withdrawals-waiting"),
}
_PAYS = "Payouts cannot be ordered: {} cannot be reached."
WITHDRAWALS = (
    *(
        Signal("CircuitOpened", _STEP, 3, 5, _PAYS.format(gateway), "payout-gateway-down", under={"provider": f"payout-{gateway}"})
        for gateway in ("adyen", "paymentiq")
    ),
    *(
        Signal(
            "PayoutCallUnknown",
            _STEP,
            1,
            5,
            f"The keys with which payouts are ordered at {gateway} cannot be used.",
            "payout-keys",
            under={"gateway": gateway, "reason": "bad_credentials"},
        )
        for gateway in ("adyen", "paymentiq")
    ),
    Signal("CompensationFailed", _STEP, 1, 5, "Money of an ended withdrawal could not be released.", "withdrawal-release-failed"),
    Signal("WithdrawalsStarted", _SWEEPER, 5, 60, "Withdrawals are not started when they are asked for.", "withdrawals-unstarted"),
    Signal("SweepIncomplete", _SWEEPER, 3, 15, "The sweeper does not see every withdrawal.", "withdrawals-unswept"),
    *(
        Signal("WithdrawalsForPeople", _SWEEPER, 1, 5, means, runbook, under={"attention": attention})
        for attention, (means, runbook) in _FOR_PEOPLE.items()
    ),
)


def gauges_of_withdrawals(ages: Mapping[str, int], held: Mapping[str, int]) -> list[Gauge]:
    """Give what is watched of the withdrawals under way: `ages` in seconds by state, `held` in whole units by currency."""
    metric = "WithdrawalOldestSeconds"
    oldest = [
        Gauge(metric, _SWEEPER, limit, f"A withdrawal is {state} for too long.", "withdrawals-waiting", under={"state": state})
        for state, limit in ages.items()
    ]
    sums = [
        Gauge(
            "WithdrawalsHeld",
            _SWEEPER,
            limit,
            f"Much {code} is held for withdrawals.",
            "withdrawals-held",
            under={"currency": code},
        )
        for code, limit in held.items()
    ]
    return [*oldest, *sums]


_VENDOR, _VENDOR_WEBHOOK, _VENDOR_WORKER = "verification", "verification-webhook", "verification-worker"
_SAFETY_WORKER = "safety-worker"
_MARKERS = {
    "chasing_losses": "Somebody seems to chase losses.",
    "night_play": "Somebody plays at night again and again.",
    "cancelled_withdrawals": "Somebody calls withdrawals back again and again.",
    "raised_limits": "Somebody raises limits again and again.",
    "rapid_deposits": "Somebody pays in again and again within a short time.",
}
PLAY_SAFETY = (
    Signal(
        "CircuitOpened",
        _VENDOR,
        1,
        5,
        "The verification vendor cannot be reached: no check is started.",
        "verification-vendor-down",
        under={"provider": "sumsub"},
    ),
    Signal("VerificationCallRefused", _VENDOR, 5, 5, "The vendor refuses our calls.", "verification-vendor-down"),
    Signal("VerificationSignatureRejected", _VENDOR_WEBHOOK, 10, 5, "The vendor's digests do not verify.", "verification-digests"),
    Signal("VerificationWebhookRejected", _VENDOR_WEBHOOK, 1, 5, "The vendor signed no event of its own.", "verification-rejected"),
    Signal("VerificationWebhookNotKept", _VENDOR_WEBHOOK, 5, 5, "The vendor's webhooks cannot be kept.", "verification-not-kept"),
    Signal("VerificationUnknownApplicant", _VENDOR_WORKER, 1, 60, "The vendor speaks of a stranger.", "verification-for-people"),
    Signal("VerificationTurnedRed", _VENDOR_WORKER, 5, 60, "Players lose a verification again.", "verification-for-people"),
    Signal("PlayerTooYoung", _VENDOR_WORKER, 1, 60, "Somebody who plays is too young.", "player-too-young"),
    *(
        Signal("RegisterSilent", "identity", 3, 5, means, "register-silent", under={"at": at})
        for at, means in (
            ("registration", "The exclusion register does not answer: nobody can register."),
            ("login", "The exclusion register does not answer: players are not let in."),
        )
    ),
    Signal("SafetyRecordNotKept", _SAFETY_WORKER, 10, 15, "Records cannot be kept in the trail.", "trail-behind"),
    *(
        Signal("CaseOpened", _SAFETY_WORKER, 1, 60, means, "case-opened", under={"marker": marker})
        for marker, means in _MARKERS.items()
    ),
)
