"""The functions of play safety and of verification: what players see and say of it, what vendors send, the trail, and its staff."""

import json
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from infrastructure import routes
from infrastructure.catalogue.common import API, POLLER, STAFF, Shared
from infrastructure.constructs.function import FunctionSpec
from infrastructure.constructs.permissions import Holds, Use, on_index, on_stream, on_table, opening
from infrastructure.stacks.state import LEDGER_INDEX, TRAIL_BY_KIND

PLAYER_TIMEOUT_SECONDS: Final = 10
VERIFICATION_WORKER_TIMEOUT_SECONDS: Final = 30
ROUTES: Final = (
    ("play-safety", PLAYER_TIMEOUT_SECONDS, routes.PLAY_SAFETY),
    ("verification", PLAYER_TIMEOUT_SECONDS, routes.VERIFICATION),
)
"""The functions here that answer players: name, timeout, and the routes of the player API that they serve."""

ALL_RECORDS: Final = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "TX#"}]}}}}
"""What of the ledger's stream concerns the trail: every new record. Lambda drops the rest, unbilled."""


@dataclass(frozen=True, slots=True)
class SafetyFunctions:
    """What is decided about play is decided in the ledger, by the same rules as money; these ask for it, follow it, and tell of it.

    Nobody may change or delete what the trail holds: it is added to by one function, and read by its staff.
    """

    shared: Shared
    verifications: sqs.IQueue

    def player(self) -> FunctionSpec:
        """Describe what players ask for: limits, time-outs, exclusion, reality checks, and the overview of all of it."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="play-safety",
            handler="play_safety",
            environment={
                "LEDGER_TABLE": state.ledger.table_name,
                "PLAYERS_TABLE": state.players.table_name,
                **shared.bearer_environment(),
            },
            permissions=[
                on_table(state.ledger, Use.READ, Use.PUT),
                on_index(state.ledger, LEDGER_INDEX),
                on_table(state.players, Use.READ, Use.PUT),
                shared.reads_token_keys(),
                on_table(state.sessions, Use.READ, Use.PUT),
                shared.through_tables(),
            ],
            memory_mib=1024,
            timeout_seconds=PLAYER_TIMEOUT_SECONDS,
            caller=API,
        )

    def worker(self) -> FunctionSpec:
        """Describe what writes the trail by what the ledger's stream tells, and opens cases. It moves no money.

        Whether a player called a withdrawal back, only the withdrawal says.
        """
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="safety-worker",
            handler="safety_worker",
            environment={
                "LEDGER_TABLE": state.ledger.table_name,
                "WITHDRAWALS_TABLE": state.withdrawals.table_name,
                "SAFETY_TABLE": state.safety.table_name,
            },
            permissions=[
                on_stream(state.ledger),
                on_table(state.ledger, Use.READ),
                on_table(state.withdrawals, Use.READ),
                on_table(state.safety, Use.READ, Use.PUT, Use.QUERY),
                shared.through_tables(),
            ],
            memory_mib=512,
            timeout_seconds=30,
            caller="the poller of the stream, which tries again, halves the batch and keeps the bad one's place in a queue,",
        )

    def staff(self) -> FunctionSpec:
        """Describe what the player protection staff may do: search the trail, look at cases, close them. It moves nothing."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="safety-staff",
            handler="safety_staff",
            environment={"SAFETY_TABLE": state.safety.table_name, "PLAYERS_TABLE": state.players.table_name},
            permissions=[
                on_table(state.players, Use.READ),
                on_table(state.safety, Use.READ, Use.PUT, Use.QUERY),
                on_index(state.safety, TRAIL_BY_KIND),
                shared.through_tables(),
            ],
            memory_mib=512,
            timeout_seconds=15,
            caller=STAFF,
        )

    def verification(self) -> FunctionSpec:
        """Describe what players do to be verified: look where they stand, and start at the vendor. It decides nothing.

        It tells the vendor as whom a player has registered, so it opens profiles.
        """
        shared, state = self.shared, self.shared.state
        secrets = state.verification_secrets
        return FunctionSpec(
            name="verification",
            handler="verification",
            environment={
                "PLAYERS_TABLE": state.players.table_name,
                "PERSONAL_KEY_ID": state.personal_key.key_arn,
                "LEDGER_TABLE": state.ledger.table_name,
                "CIRCUITS_TABLE": state.circuits.table_name,
                "VERIFICATION_URLS": json.dumps(dict(shared.house.settings.verification_urls)),
                "VERIFICATION_SECRETS": shared.secret_table(secrets),
                **shared.bearer_environment(),
            },
            permissions=[
                on_table(state.players, Use.READ, Use.PUT),
                opening(state.personal_key, Holds.PROFILE, emulated=shared.house.settings.emulated),
                on_table(state.ledger, Use.READ),
                on_table(state.circuits, Use.READ, Use.PUT, Use.UPDATE),
                *shared.reads_secrets(*(secret.arn for secret in secrets.values())),
                *shared.checks_bearer(),
                shared.through_tables(),
            ],
            memory_mib=1024,
            timeout_seconds=PLAYER_TIMEOUT_SECONDS,
            caller=API,
        )

    def webhook(self) -> FunctionSpec:
        """Describe the intake of the vendor's signed events. It can put them into the queue, and read no table."""
        shared, secrets = self.shared, self.shared.state.verification_webhook_secrets
        return FunctionSpec(
            name="verification-webhook",
            handler="verification_webhook",
            environment={
                "VERIFICATION_QUEUE_URL": self.verifications.queue_url,
                "WEBHOOK_SECRETS": shared.secret_table(secrets),
            },
            permissions=[
                *shared.sends_to(self.verifications),
                *shared.reads_secrets(*(secret.arn for secret in secrets.values())),
            ],
            memory_mib=512,
            timeout_seconds=10,
            caller=API,
        )

    def verification_worker(self) -> FunctionSpec:
        """Describe what applies the vendor's events to where players stand, and freezes the account of who is too young."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="verification-worker",
            handler="verification_worker",
            environment={
                "SESSIONS_TABLE": state.sessions.table_name,
                "PLAYERS_TABLE": state.players.table_name,
                "LEDGER_TABLE": state.ledger.table_name,
                **shared.session_lifetimes(),
            },
            permissions=[
                *self._verifies(),
                on_table(state.sessions, Use.READ, Use.PUT),
                on_table(state.ledger, Use.READ, Use.PUT),
                *shared.works_off(self.verifications),
            ],
            memory_mib=512,
            timeout_seconds=VERIFICATION_WORKER_TIMEOUT_SECONDS,
            caller=POLLER,
        )

    def _verifies(self) -> list[iam.PolicyStatement]:
        return [on_table(self.shared.state.players, Use.READ, Use.PUT), self.shared.through_tables()]
