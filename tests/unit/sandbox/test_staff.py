"""Staff functions are invoked under the role that may, and their failures are not taken for answers."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from sandbox import aws, staff
from sandbox.stack import StackFileError, Staff
from tests.unit.sandbox.test_stack import HERE, STACK

ROLE = "arn:aws:iam::000000000000:role/support"
WITH_SUPPORT = replace(STACK, staff=[Staff("support", ROLE)], resources={"SupportFunctionName": "arn:support"})


class Lambda:
    """Answers every invocation with the same bytes."""

    def __init__(self, said: bytes, *, failed: bool = False) -> None:
        self.said, self.failed, self.names, self.events = said, failed, list[str](), list[dict[str, Any]]()

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.names.append(request["FunctionName"])
        self.events.append(json.loads(request["Payload"]))
        return {"Payload": io.BytesIO(self.said)} | ({"FunctionError": "Unhandled"} if self.failed else {})


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Any:
    def answer(said: bytes, *, failed: bool = False) -> Lambda:
        function = Lambda(said, failed=failed)
        keys = {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c"}
        roles: list[str] = []

        def take_role(endpoint: str, role: str, _name: str) -> dict[str, str]:
            assert endpoint == HERE
            roles.append(role)
            return keys

        def client(service: str, endpoint: str, session: dict[str, str]) -> Lambda:
            assert (service, endpoint, session, set(roles)) == ("lambda", HERE, keys, {ROLE})
            return function

        monkeypatch.setattr(aws, "take_role", take_role)
        monkeypatch.setattr(aws, "client", client)
        return function

    return answer


def test_support_acts_under_its_role(answering: Any) -> None:
    function = answering(b'{"standing": "frozen"}')
    assert staff.support(WITH_SUPPORT, "freeze", "pl_1", "a test")["standing"] == "frozen"
    assert function.names == ["arn:support"]
    assert function.events == [{"action": "freeze", "player_id": "pl_1", "actor": staff.ACTOR, "reason": "a test"}]


@pytest.mark.parametrize(
    ("said", "failed", "complaint"),
    [
        (b'{"errorMessage": "boom"}', True, "arn:support failed: .*boom"),
        (b"[]", False, "does not answer with an object"),
        (b'{"refused": {"code": "not_found", "message": "no"}}', False, "refused: .*not_found"),
        (b'{"outcome": "refused", "code": "bad_list", "detail": "no"}', False, "refused: .*bad_list"),
    ],
)
def test_what_is_no_success_raises(answering: Any, said: bytes, failed: bool, complaint: str) -> None:
    answering(said, failed=failed)
    with pytest.raises(staff.StaffError, match=complaint):
        staff.support(WITH_SUPPORT, "freeze", "pl_1", "a test")


def test_the_games_are_imported_and_counted(answering: Any) -> None:
    function = answering(b'{"outcome": "done", "providers": {"hub88": {"games": 3}, "swipe": {"games": 2}}}')
    stack = replace(STACK, staff=[Staff("games", ROLE)], resources={"GamesStaffFunctionName": "arn:games"})
    assert staff.import_games(stack) == 5
    lists = staff.game_lists()
    assert set(lists) == {"hub88", "swipe", "action_batch"}
    assert [(event["action"], event.get("provider")) for event in function.events] == [
        *(("import", provider) for provider in lists),
        ("show", None),
    ]
    assert [event.get("games") for event in function.events] == [*lists.values(), None]
    assert all(event["actor"] and event["reason"] for event in function.events)


def test_an_unknown_role() -> None:
    with pytest.raises(StackFileError, match="'support'"):
        staff.support(STACK, "freeze", "pl_1", "a test")
