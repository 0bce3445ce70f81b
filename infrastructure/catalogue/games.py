"""The games room's functions: what players see of it, what providers call, what staff does, and what follows the rounds."""

import json
from dataclasses import dataclass

from aws_cdk import aws_sqs as sqs

from infrastructure.catalogue.common import API, STAFF, Shared
from infrastructure.constructs.function import FunctionSpec
from infrastructure.constructs.permissions import Holds, Use, on_index, on_stream, on_table, opening
from infrastructure.stacks.state import LEDGER_INDEX

ROUND_RECORDS = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "TX#game:"}]}}}}
"""What of the ledger's stream concerns a round: new records of what game providers sent. Lambda drops the rest, unbilled."""


def provider_service(provider: str) -> str:
    """Give the name of the function of one provider, by which operators know it and metrics are counted."""
    return f"provider-{provider.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class GamesFunctions:
    """Sessions and bets are movements of the ledger; the games table only says what is on offer, and what was played."""

    shared: Shared
    report_failures: sqs.IQueue

    def games(self) -> FunctionSpec:
        """Games on offer, launches, and a player's own rounds.

        It signs launches, so it reads the providers' secrets; it asks how old a player is, so it opens profiles.
        """
        shared, state = self.shared, self.shared.state
        secrets = state.provider_secrets
        return FunctionSpec(
            name="games",
            handler="games",
            environment={
                "LEDGER_TABLE": state.ledger.table_name,
                "GAMES_TABLE": state.games.table_name,
                "CIRCUITS_TABLE": state.circuits.table_name,
                "LAUNCH_URLS": json.dumps(dict(shared.house.settings.launch_urls)),
                "PROVIDER_SECRETS": shared.secret_table(secrets),
                "PLAYERS_TABLE": state.players.table_name,
                "PERSONAL_KEY_ID": state.personal_key.key_arn,
                **shared.bearer_environment(),
            },
            permissions=[
                on_table(state.ledger, Use.READ, Use.PUT),
                on_index(state.ledger, LEDGER_INDEX),
                on_table(state.games, Use.READ, Use.UPDATE, Use.QUERY),
                on_table(state.circuits, Use.READ, Use.PUT, Use.UPDATE),
                on_table(state.players, Use.READ),
                opening(state.personal_key, Holds.PROFILE, emulated=shared.house.settings.emulated),
                *shared.reads_secrets(*(secret.arn for secret in secrets.values())),
                *shared.checks_bearer(),
                shared.through_tables(),
            ],
            memory_mib=1024,
            timeout_seconds=10,
            caller=API,
        )

    def provider(self, provider: str) -> FunctionSpec:
        """Callbacks of one provider, the hot path. It gives up after a few seconds, so there is no use in going on."""
        shared, state = self.shared, self.shared.state
        secret = state.provider_secrets[provider].arn
        return FunctionSpec(
            name=provider_service(provider),
            handler="provider_callback",
            environment={
                "PROVIDER": provider,
                "PROVIDER_SECRET": secret,
                "LEDGER_TABLE": state.ledger.table_name,
                "GAMES_TABLE": state.games.table_name,
            },
            permissions=[
                on_table(state.ledger, Use.READ, Use.PUT),
                on_table(state.games, Use.READ),
                shared.through_tables(),
                *shared.reads_secrets(secret),
            ],
            memory_mib=1769,
            timeout_seconds=5,
            caller=API,
        )

    def staff(self) -> FunctionSpec:
        """Describe what the games staff may do: import, enable and disable games, look at rounds."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="games-staff",
            handler="games_staff",
            environment={
                "GAMES_TABLE": state.games.table_name,
                "LEDGER_TABLE": state.ledger.table_name,
                "CIRCUITS_TABLE": state.circuits.table_name,
            },
            permissions=[
                on_table(state.games, Use.READ, Use.PUT, Use.UPDATE, Use.QUERY),
                on_table(state.circuits, Use.READ),
                on_table(state.ledger, Use.READ),
                on_index(state.ledger, LEDGER_INDEX),
                shared.through_tables(),
            ],
            memory_mib=1024,
            timeout_seconds=30,
            caller=STAFF,
        )

    def rounds_worker(self) -> FunctionSpec:
        """Describe what keeps the rounds by what the ledger's stream tells. It can read the ledger and change nothing in it."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="rounds-worker",
            handler="rounds_worker",
            environment={"LEDGER_TABLE": state.ledger.table_name, "GAMES_TABLE": state.games.table_name},
            permissions=[
                on_stream(state.ledger),
                on_table(state.ledger, Use.READ),
                on_table(state.games, Use.READ, Use.PUT, Use.QUERY),
                shared.through_tables(),
            ],
            memory_mib=512,
            timeout_seconds=30,
            caller="the poller of the stream, which tries again, halves the batch and keeps the bad one's place in a queue,",
        )

    def rounds_report(self) -> FunctionSpec:
        """Describe what counts the rounds left open. It can read the rounds and change nothing."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="rounds-report",
            handler="rounds_report",
            environment={"GAMES_TABLE": state.games.table_name},
            permissions=[on_table(state.games, Use.READ, Use.QUERY), shared.through_tables()],
            memory_mib=512,
            timeout_seconds=300,
            caller="",
            failures=self.report_failures,
        )
