"""The identity room's functions: accounts, logins, sessions, and the e-mail that goes with them."""

import json
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from infrastructure.catalogue.common import API, POLLER, STAFF, Shared
from infrastructure.constructs.function import FunctionSpec
from infrastructure.constructs.permissions import Holds, Use, on_table, sealing

MAILER_TIMEOUT_SECONDS: Final = 30
_ONE_PROCESSOR_MIB: Final = 1769


@dataclass(frozen=True, slots=True)
class IdentityFunctions:
    """Only these write who is in. What is personal, the first two alone write, and of these alone read."""

    shared: Shared
    mails: sqs.IQueue

    def identity(self) -> FunctionSpec:
        """Describe what a caller without a token may do. Its memory is what argon2 asks for, and buys the processor for it.

        It asks the registers of self-excluded players, at registration and at login.
        """
        shared, state = self.shared, self.shared.state
        registers = state.register_secrets
        return FunctionSpec(
            name="identity",
            handler="identity",
            environment={
                **self._environment(),
                "LOGIN_GUESSES_PER_SOURCE": str(shared.house.settings.login_guesses_per_source),
                "REGISTER_URLS": json.dumps(dict(shared.house.settings.register_urls)),
                "REGISTER_SECRETS": shared.secret_table(registers),
            },
            permissions=[
                on_table(state.players, Use.READ, Use.PUT, Use.UPDATE),
                *self._moves(),
                self._seals(Holds.PROFILE, Holds.FACTOR, Holds.REGISTRATION),
                shared.reads_token_keys(),
                shared.signs_tokens(),
                *shared.sends_to(self.mails),
                *shared.reads_secrets(*(secret.arn for secret in registers.values())),
            ],
            memory_mib=_ONE_PROCESSOR_MIB,
            timeout_seconds=10,
            caller=API,
        )

    def account(self) -> FunctionSpec:
        """Describe what players may do with their own accounts. It verifies passwords, as the one above; it signs nothing."""
        shared, state = self.shared, self.shared.state
        return FunctionSpec(
            name="account",
            handler="account",
            environment=self._environment(),
            permissions=[
                on_table(state.players, Use.READ, Use.PUT, Use.UPDATE, Use.QUERY),
                *self._moves(),
                self._seals(Holds.PROFILE, Holds.FACTOR, Holds.EMAIL_CHANGE),
                shared.reads_token_keys(),
                *shared.sends_to(self.mails),
            ],
            memory_mib=_ONE_PROCESSOR_MIB,
            timeout_seconds=10,
            caller=API,
        )

    def staff(self) -> FunctionSpec:
        """Describe what the support may do to an account. It cannot read what is personal, and cannot log anybody in."""
        state = self.shared.state
        return FunctionSpec(
            name="identity-staff",
            handler="identity_staff",
            environment={
                "SESSIONS_TABLE": state.sessions.table_name,
                "PLAYERS_TABLE": state.players.table_name,
                "LEDGER_TABLE": state.ledger.table_name,
                **self.shared.session_lifetimes(),
            },
            permissions=[on_table(state.players, Use.READ, Use.PUT), *self._moves()],
            memory_mib=512,
            timeout_seconds=15,
            caller=STAFF,
        )

    def mailer(self) -> FunctionSpec:
        """E-mail from the queue, sent. It knows no table."""
        shared = self.shared
        return FunctionSpec(
            name="mailer",
            handler="mailer",
            environment={"MAIL_SENDER": shared.house.settings.mail_sender},
            permissions=[shared.state.mail.sending(shared.stack), *shared.works_off(self.mails)],
            memory_mib=512,
            timeout_seconds=MAILER_TIMEOUT_SECONDS,
            caller=POLLER,
        )

    def _environment(self) -> dict[str, str]:
        state = self.shared.state
        return {
            "PLAYERS_TABLE": state.players.table_name,
            "LEDGER_TABLE": state.ledger.table_name,
            "PERSONAL_KEY_ID": state.personal_key.key_arn,
            "MAIL_QUEUE_URL": self.mails.queue_url,
            **self.shared.bearer_environment(),
        }

    def _moves(self) -> list[iam.PolicyStatement]:
        """Allow what changes who is in and, in one transaction with it, the status of the wallet."""
        state = self.shared.state
        return [
            on_table(state.sessions, Use.READ, Use.PUT),
            on_table(state.ledger, Use.READ, Use.PUT),
            self.shared.through_tables(),
        ]

    def _seals(self, *holds: Holds) -> iam.PolicyStatement:
        return sealing(self.shared.state.personal_key, *holds, emulated=self.shared.house.settings.emulated)
