import re
from collections.abc import Mapping
from typing import Any

from countroom.cashier import settlement_shelf as shelf
from countroom.identity.vault import Holds
from infrastructure.stages import stage_settings
from tests.infrastructure.roles import actions_at, actions_of, exported, handler_of, role_of, statements_of
from tests.infrastructure.templates import Templates, listed, properties, refers


def table_uses(templates: Templates, table: str) -> dict[str, set[str]]:
    """Handler → what its role allows on the items of one table, by the names of the actions without their prefix."""
    (name,) = [one for one in templates.of_type("AWS::DynamoDB::Table") if one.startswith(table)]
    found: dict[str, set[str]] = {}
    for function in templates.functions().values():
        handler = properties(function)["Handler"].split(".")[1]
        for statement in statements_of(templates, properties(function)["Role"]["Fn::GetAtt"][0]):
            for resource in listed(statement["Resource"]):
                if name in str(resource) and "/index/" not in str(resource) and "StreamArn" not in str(resource):
                    found.setdefault(handler, set()).update(one.removeprefix("dynamodb:") for one in listed(statement["Action"]))
    return found


READ, PUT, UPDATE, QUERY = "GetItem", "PutItem", "UpdateItem", "Query"


def test_only_who_posts_movements_writes_the_ledger_and_records_are_never_changed(every_stage: Templates) -> None:
    assert table_uses(every_stage, "Ledger") == {
        "identity": {READ, PUT},
        "account": {READ, PUT},
        "identity_staff": {READ, PUT},
        "games": {READ, PUT},
        "provider_callback": {READ, PUT},
        "payment_worker": {READ, PUT},
        "paymentiq": {READ, PUT},
        "withdrawals": {READ, PUT},
        "withdrawals_staff": {READ, PUT},
        "withdrawal_step": {READ, PUT},
        "play_safety": {READ, PUT},
        "verification_worker": {READ, PUT},
        "deposits": {READ, PUT},
        "settlement_check": {READ, PUT},
        "wallet": {READ},
        "games_staff": {READ},
        "rounds_worker": {READ},
        "safety_worker": {READ},
        "verification": {READ},
        "ledger_audit": {READ, "Scan"},
    }


def test_who_is_in_is_written_by_the_identity_room_and_by_who_shuts_out_and_others_read_one_item(
    every_stage: Templates,
) -> None:
    assert table_uses(every_stage, "Sessions") == {
        "identity": {READ, PUT},
        "account": {READ, PUT},
        "identity_staff": {READ, PUT},
        "play_safety": {READ, PUT},
        "verification_worker": {READ, PUT},
        "wallet": {READ},
        "games": {READ},
        "deposits": {READ},
        "withdrawals": {READ},
        "verification": {READ},
    }


def test_accounts_are_written_by_the_identity_room_and_verification_and_read_by_who_asks_how_well_a_player_is_known(
    every_stage: Templates,
) -> None:
    """Play safety adds security events, verification where a player stands: both put, and change nothing of an account."""
    assert table_uses(every_stage, "Players") == {
        "identity": {READ, PUT, UPDATE},
        "account": {READ, PUT, UPDATE, QUERY},
        "identity_staff": {READ, PUT},
        "play_safety": {READ, PUT},
        "verification": {READ, PUT},
        "verification_worker": {READ, PUT},
        "games": {READ},
        "deposits": {READ},
        "safety_staff": {READ},
        "withdrawals": {READ},
        "withdrawals_staff": {READ},
        "withdrawal_step": {READ},
    }


def test_the_trail_is_added_to_by_its_worker_and_read_by_its_staff_and_nobody_changes_or_deletes(every_stage: Templates) -> None:
    """The staff's own part of it is what becomes of cases."""
    assert table_uses(every_stage, "Safety") == {"safety_worker": {READ, PUT, QUERY}, "safety_staff": {READ, PUT, QUERY}}


def test_the_games_table_is_the_games_rooms_own_and_circuits_are_of_who_calls_out(every_stage: Templates) -> None:
    assert table_uses(every_stage, "Games") == {
        "games": {READ, UPDATE, QUERY},
        "games_staff": {READ, PUT, UPDATE, QUERY},
        "provider_callback": {READ},
        "rounds_worker": {READ, PUT, QUERY},
        "rounds_report": {READ, QUERY},
    }
    assert table_uses(every_stage, "Circuits") == {
        "games": {READ, PUT, UPDATE},
        "games_staff": {READ},
        "deposits": {READ, PUT, UPDATE},
        "withdrawal_step": {READ, PUT, UPDATE},
        "verification": {READ, PUT, UPDATE},
    }


def test_only_login_can_sign_a_token_and_only_with_the_first_key(every_stage: Templates) -> None:
    signing = {
        handler_of(function): statement
        for function in every_stage.functions().values()
        for statement in statements_of(every_stage, role_of(function))
        if "kms:Sign" in listed(statement["Action"])
    }
    assert signing.keys() == {"identity"}
    first = stage_settings(every_stage.stage).token_keys[0]
    assert set(listed(signing["identity"]["Action"])) <= {"kms:GetPublicKey", "kms:Sign"}
    assert [exported(one) for one in listed(signing["identity"]["Resource"])] == [f"TokenKey{first}".replace("-", "")]


def test_who_checks_tokens_reads_every_key(every_stage: Templates) -> None:
    names = {f"TokenKey{name}".replace("-", "") for name in stage_settings(every_stage.stage).token_keys}
    readers: dict[str, set[str]] = {}
    for function in every_stage.functions().values():
        for statement in statements_of(every_stage, role_of(function)):
            if "kms:GetPublicKey" in listed(statement["Action"]):
                readers.setdefault(handler_of(function), set()).update(map(exported, listed(statement["Resource"])))
    assert readers == dict.fromkeys(CHECK_TOKENS, names)


CHECK_TOKENS = (
    *("identity", "account", "wallet", "games", "deposits", "withdrawals"),
    *("play_safety", "verification"),
)


def personal(templates: Templates) -> dict[str, Mapping[str, Any]]:
    """Handler → the statement that allows the personal key."""
    return {
        handler_of(function): statement
        for function in templates.functions().values()
        for statement in statements_of(templates, role_of(function))
        if exported(listed(statement["Resource"])[0]).startswith("PersonalKey")
    }


HOLDS = {
    "identity": ["profile", "factor", "registration"],
    "account": ["profile", "factor", "email_change"],
    "games": ["profile"],
    "verification": ["profile"],
}
SEALS = {"identity", "account"}


def test_what_is_personal_is_sealed_by_two_functions_and_opened_by_four_for_named_uses_of_a_named_player(
    aws_stage: Templates,
) -> None:
    statements = personal(aws_stage)
    assert statements.keys() == HOLDS.keys()
    for handler, statement in statements.items():
        assert set(listed(statement["Action"])) == ({"kms:Decrypt", "kms:Encrypt"} if handler in SEALS else {"kms:Decrypt"})
        assert statement["Condition"] == {
            "StringEquals": {"kms:EncryptionContext:holds": HOLDS[handler]},
            "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["player_id", "holds"]},
            "Null": {"kms:EncryptionContext:player_id": "false"},
        }


def test_the_sandbox_asks_what_its_policies_can_see_and_refuses_what_they_can(sandbox: Templates) -> None:
    statements = personal(sandbox)
    assert statements.keys() == HOLDS.keys()
    for handler, statement in statements.items():
        assert statement["Condition"]["StringEqualsIfExists"] == {"kms:EncryptionContext:holds": HOLDS[handler]}


def test_the_uses_of_the_personal_key_are_those_that_the_code_seals() -> None:
    assert {use for uses in HOLDS.values() for use in uses} == set(Holds)


def test_mail_is_sent_by_the_mailer_as_the_stages_sender_only(aws_stage: Templates) -> None:
    senders = {
        handler_of(function): statement
        for function in aws_stage.functions().values()
        for statement in statements_of(aws_stage, role_of(function))
        if any(action.startswith("ses:") for action in listed(statement["Action"]))
    }
    assert senders.keys() == {"mailer"}
    stage = stage_settings(aws_stage.stage)
    assert senders["mailer"]["Action"] == "ses:SendEmail"
    assert senders["mailer"]["Condition"] == {"StringEquals": {"ses:FromAddress": stage.mail_sender}}
    rules, identity = sorted(map(str, senders["mailer"]["Resource"]), key=lambda arn: ":identity/" in arn)
    assert f":identity/{stage.mail_domain}'" in identity
    assert ":configuration-set/" in rules
    assert not any(action.startswith("dynamodb:") for action in actions_of(aws_stage, "mailer"))


def test_queues_are_filled_and_worked_off_by_those_they_are_for(every_stage: Templates) -> None:
    uses: dict[tuple[str, str], set[str]] = {}
    for function in every_stage.functions().values():
        for statement in statements_of(every_stage, role_of(function)):
            actions = {action for action in listed(statement["Action"]) if action in {"sqs:SendMessage", "sqs:ReceiveMessage"}}
            for queue in refers(statement["Resource"]) if actions else ():
                uses.setdefault((handler_of(function), queue.rstrip("0123456789ABCDEF")), set()).update(actions)
    assert uses == {
        ("identity", "Mails"): {"sqs:SendMessage"},
        ("account", "Mails"): {"sqs:SendMessage"},
        ("mailer", "Mails"): {"sqs:ReceiveMessage"},
        ("payment_webhook", "Payments"): {"sqs:SendMessage"},
        ("settlement_check", "SettlementFailures"): {"sqs:SendMessage"},
        ("payment_worker", "Payments"): {"sqs:ReceiveMessage"},
        ("ledger_audit", "AuditFailures"): {"sqs:SendMessage"},
        ("rounds_worker", "RoundsFailures"): {"sqs:SendMessage"},
        ("rounds_report", "RoundsReportFailures"): {"sqs:SendMessage"},
        ("withdrawal_sweeper", "SweepFailures"): {"sqs:SendMessage"},
        ("verification_webhook", "Verifications"): {"sqs:SendMessage"},
        ("verification_worker", "Verifications"): {"sqs:ReceiveMessage"},
        ("safety_worker", "TrailFailures"): {"sqs:SendMessage"},
    }


def test_only_two_workers_read_the_stream(every_stage: Templates) -> None:
    readers = {handler_of(one) for one in every_stage.functions().values() if "dynamodb:GetRecords" in actions_at(every_stage, one)}
    assert readers == {"rounds_worker", "safety_worker"}


def test_a_provider_reads_its_own_secret_and_no_other(every_stage: Templates) -> None:
    readers: dict[str, set[str]] = {}
    for function in every_stage.functions().values():
        told = properties(function)["Environment"]["Variables"]
        for statement in statements_of(every_stage, role_of(function)):
            if "secretsmanager:GetSecretValue" in listed(statement["Action"]):
                secrets = {exported(one).rstrip("0123456789ABCDEF") for one in listed(statement["Resource"])}
                readers.setdefault(told["POWERTOOLS_SERVICE_NAME"], set()).update(secrets)
    assert readers == {
        "provider-hub88": {"Hub88Secret"},
        "provider-swipe": {"SwipeSecret"},
        "provider-action-batch": {"ActionBatchSecret"},
        "games": {"Hub88Secret", "SwipeSecret", "ActionBatchSecret"},
        "payment-webhook": {"StandardGatewaySecret", "StripeGatewaySecret", "AdyenGatewaySecret"},
        "paymentiq": {"PaymentiqSecret"},
        "deposits": {"StripePaymentsSecret", "AdyenPaymentsSecret"},
        "withdrawal-step": {"AdyenPayoutSecret", "PaymentiqPayoutSecret"},
        "verification": {"SumsubVerificationSecret"},
        "verification-webhook": {"SumsubWebhookSecret"},
        "identity": {"GamstopRegisterSecret"},
    }


def test_each_kind_of_staff_may_invoke_its_function_and_nothing_else(every_stage: Templates) -> None:
    aliases = every_stage.of_type("AWS::Lambda::Alias")
    outputs = every_stage.service["Outputs"] | every_stage.withdrawals["Outputs"] | every_stage.play_safety["Outputs"]
    kinds = {
        "SupportRoleArn": "identity_staff",
        "GamesStaffRoleArn": "games_staff",
        "PaymentsRoleArn": "withdrawals_staff",
        "SafetyRoleArn": "safety_staff",
    }
    for output, handler in kinds.items():
        (role,) = refers(outputs[output]["Value"])
        (statement,) = statements_of(every_stage, role)
        assert statement["Action"] == "lambda:InvokeFunction"
        (alias,) = refers(statement["Resource"])
        assert handler_of(every_stage.functions()[properties(aliases[alias])["FunctionName"]["Ref"]]) == handler
        assert properties(every_stage.every()[role])["MaxSessionDuration"] == 3600


def test_who_takes_in_webhooks_can_add_raw_events_and_read_or_change_nothing(every_stage: Templates) -> None:
    assert table_uses(every_stage, "RawEvents") == {"payment_webhook": {PUT}}
    used = {action for action in actions_of(every_stage, "payment_webhook") if action.startswith("dynamodb:")}
    assert used == {"dynamodb:PutItem"}


def test_deposits_are_changed_by_who_credits_or_ends_them_alone(every_stage: Templates) -> None:
    assert table_uses(every_stage, "Cashier") == {
        "deposits": {READ, PUT},
        "payment_worker": {READ, PUT, UPDATE},
        "paymentiq": {READ, PUT, UPDATE},
        "settlement_check": {READ, UPDATE},
        "withdrawals": {READ},
        "withdrawals_staff": {READ},
        "withdrawal_step": {READ},
    }


def test_the_settlement_check_reads_files_writes_reports_and_ends_deposits_and_can_do_nothing_else(every_stage: Templates) -> None:
    (check,) = [one for one in every_stage.functions().values() if handler_of(one) == "settlement_check"]
    uses = {}
    for statement in statements_of(every_stage, role_of(check)):
        for action in listed(statement["Action"]):
            if action.startswith("s3:"):
                uses[action] = (re.findall(r"/(\w+)/\*", str(statement["Resource"])), statement.get("Condition"))
    assert uses == {
        "s3:ListBucket": ([], {"StringLike": {"s3:prefix": [f"{shelf.FILES}/*", f"{shelf.REPORTS}/*"]}}),
        "s3:GetObject": ([shelf.REPORTS, shelf.FILES], None),
        "s3:PutObject": ([shelf.REPORTS], None),
    }
    used = {action for action in actions_at(every_stage, check) if action.startswith("dynamodb:")}
    assert used == {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"}, "it puts into the ledger only"
    others = [one for one in every_stage.functions().values() if one is not check]
    assert not any(action.startswith("s3:") for one in others for action in actions_at(every_stage, one))


def test_the_audit_and_the_auditor_change_nothing(every_stage: Templates) -> None:
    (auditor,) = [name for name in every_stage.of_type("AWS::IAM::Role") if name.startswith("Auditor")]
    auditors = {action for statement in statements_of(every_stage, auditor) for action in listed(statement["Action"])}
    for actions in (actions_of(every_stage, "ledger_audit"), auditors):
        used = {action for action in actions if action.startswith("dynamodb:")}
        assert used <= {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"}
    assert {action for action in auditors if action.startswith("lambda:")} == {"lambda:InvokeFunction"}


def test_withdrawals_are_changed_by_who_brings_a_word_on_them_and_never_deleted(every_stage: Templates) -> None:
    changing = ("withdrawals", "withdrawals_staff", "withdrawal_step", "withdrawal_sweeper", "payment_worker", "paymentiq")
    assert table_uses(every_stage, "Withdrawals") == {
        **{handler: {READ, PUT, UPDATE} for handler in changing},
        "safety_worker": {READ},
    }


def test_the_sweeper_moves_no_money(every_stage: Templates) -> None:
    assert "withdrawal_sweeper" not in table_uses(every_stage, "Ledger")


STATES = {
    "withdrawals": {"states:StartExecution", "states:SendTaskSuccess"},
    "withdrawals_staff": {"states:SendTaskSuccess"},
    "withdrawal_step": {"states:SendTaskSuccess"},
    "withdrawal_sweeper": {
        *("states:DescribeExecution", "states:ListExecutions", "states:SendTaskSuccess", "states:StartExecution"),
    },
    "payment_worker": {"states:SendTaskSuccess"},
    "paymentiq": {"states:SendTaskSuccess"},
}


def test_executions_are_started_by_who_takes_the_request_and_by_the_sweeper_alone(every_stage: Templates) -> None:
    uses: dict[str, set[str]] = {}
    for function in every_stage.functions().values():
        for statement in statements_of(every_stage, role_of(function)):
            actions = {action for action in listed(statement["Action"]) if action.startswith("states:")}
            if actions:
                uses.setdefault(handler_of(function), set()).update(actions)
    assert uses == STATES


def test_they_use_this_one_machine_and_its_executions(aws_stage: Templates) -> None:
    name = f"countroom-{aws_stage.stage}-withdrawal"
    for function in aws_stage.functions().values():
        for statement in statements_of(aws_stage, role_of(function)):
            if any(action.startswith("states:") for action in listed(statement["Action"])):
                of_one = f":execution:{name}:*" if statement["Action"] == "states:DescribeExecution" else f":stateMachine:{name}"
                assert str(statement["Resource"]).endswith(f"{of_one}']]}}")


def test_the_step_starts_nothing(every_stage: Templates) -> None:
    used = actions_of(every_stage, "withdrawal_step")
    assert not {"states:StartExecution", "lambda:InvokeFunction", "sqs:SendMessage"} & used
