"""Which counts of the functions are worth an alarm, room by room. docs/runbook.md has a heading for each."""

from collections.abc import Sequence

from infrastructure.catalogue.games import provider_service
from infrastructure.constructs.signals import Signal

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
CASHIER = (
    Signal(
        "WebhookRejected",
        "payment-webhook",
        1,
        5,
        "A payment gateway signed something that is no event of its own.",
        "webhook-rejected",
        under={"gateway": "standard"},
    ),
    Signal(
        "SignatureRejected",
        "payment-webhook",
        10,
        5,
        "A payment gateway's signatures do not verify.",
        "signature-rejected",
        under={"gateway": "standard"},
    ),
)


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
        ]
    return found
