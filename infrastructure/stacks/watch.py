"""Alarms on what the service's functions count: how logins, the ledger, games and the cashier fare.

Apart from the service stack, so that neither grows out of what one stack can hold. Metrics are found by their names, so that this
stack needs nothing of the functions; and what an alarm says can be changed without touching one.
"""

import aws_cdk as cdk
from aws_cdk import aws_sns as sns
from constructs import Construct

from infrastructure import signals
from infrastructure.constructs.signals import SignalAlarms
from infrastructure.stacks.state import StateStack
from infrastructure.stages import StageSettings


class WatchStack(cdk.Stack):
    """Can be deleted and made again: it holds nothing but rules."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: StageSettings,
        state: StateStack,
        topic: sns.ITopic,
        synthesizer: cdk.IStackSynthesizer | None = None,
    ) -> None:
        super().__init__(
            scope,
            f"Countroom-{settings.name}-Watch",
            description=f"Countroom {settings.name}: alarms on what the service's functions count",
            termination_protection=settings.termination_protection,
            synthesizer=synthesizer,
        )
        rooms = {
            "Identity": signals.IDENTITY,
            "Ledger": signals.LEDGER,
            "Games": signals.of_games(tuple(settings.provider_throttles)),
            "Cashier": [*signals.of_cashier(tuple(state.gateway_secrets)), *signals.of_payments(tuple(state.payment_secrets))],
        }
        for room, watched in rooms.items():
            SignalAlarms(self, f"{room}Signals", topic=topic, signals=watched)
