"""The mailbox: which mails are whose, waiting that ends, and codes however they are written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import mailbox
from sandbox.mailbox import Mail, Mailbox, MailboxError
from sandbox.wire import Answer, NoAnswerError
from tests.unit.sandbox.test_stack import STACK

Answers = list[Any]


def sent(number: int, to: str, text: str = "Nothing to type.", subject: str = "A subject") -> dict[str, Any]:
    return {
        "MessageId": f"id-{number}",
        "Source": "no-reply@countroom.example",
        "To": [to],
        "CC": [],
        "BCC": [],
        "Subject": subject,
        "BodyText": text,
        "BodyHtml": None,
        "Timestamp": 1_790_000_000.0 + number,
        "Type": "v2.SendEmail",
    }


def shown(*mails: dict[str, Any]) -> Answer:
    return Answer(200, json.dumps({"messages": {"000000000000": list(mails)}}).encode())


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """What the emulator answers, one after the other; the last for ever. Waiting takes no time."""
    queue: Answers = [shown()]
    now = [0.0]

    def send(method: str, url: str) -> Answer:
        assert (method, url) == ("GET", STACK.mailbox)
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Answer)
        return answer

    monkeypatch.setattr(mailbox, "send", send)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return queue


BOX = Mailbox(STACK.mailbox)


def test_mails_are_told_apart_by_address_and_come_in_order(answers: Answers) -> None:
    answers[:] = [shown(sent(3, "Ann@Example.com"), sent(1, "ann@example.com"), sent(2, "joann@example.com"))]
    assert [mail.message_id for mail in BOX.mails("ann@example.com")] == ["id-1", "id-3"]
    assert [mail.message_id for mail in BOX.mails()] == ["id-1", "id-2", "id-3"]
    assert BOX.mails("nobody@example.com") == []


def test_a_mail_is_waited_for(answers: Answers) -> None:
    answers[:] = [shown(), shown(), shown(sent(1, "a@example.com", "The code is ABCD-2345. It is good for 30 minutes."))]
    assert BOX.await_code("a@example.com") == "ABCD2345"


def test_what_was_seen_is_waited_past_and_the_newest_counts(answers: Answers) -> None:
    old = sent(1, "a@example.com", "is AAAA-1111.")
    answers[:] = [shown(old), shown(old), shown(old, sent(3, "a@example.com", "is CCCC-3333."), sent(2, "a@example.com"))]
    seen = BOX.seen("a@example.com")
    assert seen == {"id-1"}
    assert BOX.await_code("a@example.com", after=seen) == "CCCC3333"


def test_a_notice_that_comes_late_is_not_taken_for_the_mail_with_the_code(answers: Answers) -> None:
    notice = sent(2, "a@example.com", "A second factor was added.")
    answers[:] = [shown(notice), shown(notice), shown(sent(1, "a@example.com", "is BBBB-2222."), notice)]
    assert BOX.await_code("a@example.com") == "BBBB2222"
    answers[:] = [shown(notice)]
    assert BOX.await_mail("a@example.com").text == "A second factor was added."
    with pytest.raises(MailboxError, match="no mail with a code came within 20 s"):
        BOX.await_code("a@example.com")


def test_waiting_ends(answers: Answers) -> None:
    answers[:] = [shown(sent(1, "b@example.com"))]
    with pytest.raises(MailboxError, match="no mail came within 20 s"):
        BOX.await_mail("a@example.com")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The code is ABCD-2345.", "ABCD2345"),
        ("ABCD2345", "ABCD2345"),
        ("Your code:\n\n  0Z9X-YTSR\n", "0Z9XYTSR"),
    ],
)
def test_codes_in_texts(text: str, code: str) -> None:
    assert Mail("1", (), "s", text, 0).code() == code


@pytest.mark.parametrize("text", ["", "no code", "abcd-2345", "ABCD-23456", "XABCD-2345-Y", "ILOU-ILOU", "1234-567", "A-ABCD-2345"])
def test_what_is_no_code(text: str) -> None:
    with pytest.raises(MailboxError, match="holds no code"):
        Mail("1", (), "s", text, 0).code()


@pytest.mark.parametrize(
    "answer", [Answer(200, b"{"), Answer(200, b"[]"), Answer(200, b'{"messages": {"a": [{}]}}'), Answer(500, b"")]
)
def test_an_answer_that_is_no_mailbox(answers: Answers, answer: Answer) -> None:
    answers[:] = [answer]
    with pytest.raises(MailboxError, match="mailbox"):
        BOX.mails()


@pytest.fixture
def stack_path(tmp_path: Path) -> Path:
    STACK.write(tmp_path / "stack.json")
    return tmp_path / "stack.json"


@pytest.fixture
def command(stack_path: Path) -> Callable[..., int]:
    return lambda *words: mailbox.main([*words, "--stack", str(stack_path)])


def test_a_person_reads_the_mails(answers: Answers, command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    answers[:] = [shown(sent(1, "a@example.com", "is AAAA-1111."), sent(2, "b@example.com", "is BBBB-2222.", "Another"))]
    assert command("--to", "b@example.com") == 0
    said = capsys.readouterr().out
    assert "14:13:22 UTC  to b@example.com\nAnother\n\n  is BBBB-2222.\n" in said
    assert "AAAA" not in said
    assert command("--last", "--json") == 0
    assert [mail["subject"] for mail in json.loads(capsys.readouterr().out)] == ["Another"]
    assert command("--code", "--to", "a@example.com") == 0
    assert capsys.readouterr().out == "AAAA1111\n"
    assert command("--to", "nobody@example.com") == 0
    assert capsys.readouterr().out == "No mail.\n"


@pytest.mark.parametrize("answer", [NoAnswerError("GET /x: refused"), Answer(500, b"")])
def test_a_mailbox_that_cannot_be_read_is_one_line(
    answers: Answers, command: Callable[..., int], capsys: pytest.CaptureFixture[str], answer: object
) -> None:
    answers[:] = [answer]
    assert command() == 1
    assert capsys.readouterr().err.startswith("mailbox: ")


def test_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mailbox.main(["--stack", str(tmp_path / "stack.json")]) == 1
    assert "start the sandbox with `make run` first" in capsys.readouterr().err
