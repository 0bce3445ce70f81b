"""What drives withdrawals: the state machine, its steps, the sweeper, and the staff that decides.

Apart from the service stack, so that neither grows out of what one stack can hold, and so that a change of a route cannot touch a
machine under way. The service calls the machine by its name, so it needs nothing of this stack, which comes after it.
"""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from infrastructure import signals
from infrastructure.catalogue.common import Shared
from infrastructure.catalogue.withdrawals import MACHINE, WithdrawalFunctions
from infrastructure.constructs.assets import DependencyLayer, functions_code
from infrastructure.constructs.function import Function, FunctionSpec
from infrastructure.constructs.house import House
from infrastructure.constructs.queue import FailureQueue
from infrastructure.constructs.schedule import Scheduled, every_minute
from infrastructure.constructs.signals import GaugeAlarms, SignalAlarms
from infrastructure.constructs.staff import StaffRole
from infrastructure.constructs.state_machine import StateMachine
from infrastructure.findings import acknowledge
from infrastructure.stacks.state import StateStack
from infrastructure.stages import StageSettings
from infrastructure.workflows import withdrawal


class WithdrawalStack(cdk.Stack):
    """Can be deleted and made again: where each withdrawal stands is in its table, and the sweeper starts what nothing drives."""

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
            f"Countroom-{settings.name}-Withdrawals",
            description=f"Countroom {settings.name}: the withdrawals' state machine and what belongs to it",
            termination_protection=settings.termination_protection,
            synthesizer=synthesizer,
        )
        self._house = House(
            settings=settings,
            key=kms.Key.from_key_arn(self, "DataKey", state.data_key.key_arn),
            topic=topic,
            code=functions_code(settings),
            # A layer of its own, of the same content: one that another stack uses could never be replaced.
            layer=DependencyLayer(self, "WithdrawalDependencies", settings=settings),
        )
        functions = WithdrawalFunctions(Shared(self, self._house, state))
        self._machine = StateMachine(
            self,
            "Machine",
            house=self._house,
            name=MACHINE,
            definition=withdrawal.definition(settings.withdrawal_pace, emulated=settings.emulated),
            calls=self._function("Step", functions.step()),
            runbook="withdrawal-execution-failed",
        )
        self._sweeper = self._swept(functions)
        self._staff = self._function("Staff", functions.staff())
        may = "approves and refuses withdrawals"
        self._role = StaffRole(self, "PaymentsRole", house=self._house, may=may, through_function=self._staff)
        pace = settings.withdrawal_pace
        SignalAlarms(self, "Signals", topic=topic, signals=signals.WITHDRAWALS)
        GaugeAlarms(self, "Gauges", topic=topic, gauges=signals.gauges_of_withdrawals(pace.ages, pace.held))
        self._outputs(state)

    def _swept(self, functions: WithdrawalFunctions) -> Function:
        house = self._house
        failures = FailureQueue(
            self, "SweepFailures", settings=house.settings, key=house.key, topic=house.topic, runbook="withdrawals-unswept"
        )
        sweeper = self._function("Sweeper", functions.sweeper(failures))
        acknowledge(
            sweeper.role,
            f"AwsSolutions-IAM5[Resource::{functions.executions_finding()}]",
            "Executions are named after withdrawals, so the right to look one up is on all of this one machine.",
        )
        Scheduled(
            self,
            "EveryMinute",
            house=house,
            function=sweeper,
            failures=failures,
            times=every_minute(),
            runbook="withdrawals-unswept",
        )
        return sweeper

    def _function(self, construct_id: str, spec: FunctionSpec) -> Function:
        return Function(self, construct_id, house=self._house, spec=spec)

    def _outputs(self, state: StateStack) -> None:
        outputs = {
            "WithdrawalsTableName": state.withdrawals.table_name,
            "WithdrawalMachineArn": self._machine.machine.ref,
            "WithdrawalSweeperFunctionName": self._sweeper.alias.function_arn,
            "WithdrawalsStaffFunctionName": self._staff.alias.function_arn,
            "PaymentsRoleArn": self._role.role_arn,
            "AdyenPayoutSecretArn": state.payout_secrets["adyen"].arn,
            "PaymentiqPayoutSecretArn": state.payout_secrets["paymentiq"].arn,
        }
        for name, value in outputs.items():
            cdk.CfnOutput(self, name, value=value)
