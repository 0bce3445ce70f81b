"""How the record of a finished request lies in DynamoDB, in whichever table of the cashier's it is written with its effect.

- `REQUEST#<caller>`, `<key>`: what was asked under an Idempotency-Key and the first answer (see `idempotency`); in no index, never
  expires
"""

from typing import Any

from countroom.cashier.idempotency import Answer, Claim, Entry


def request_key(claim: Claim) -> dict[str, Any]:
    """Give the key of a request's record."""
    return {"pk": {"S": f"REQUEST#{claim.caller}"}, "sk": {"S": claim.key}}


def request_item(claim: Claim, answer: Answer) -> dict[str, Any]:
    """Write the record of a finished request."""
    return {
        **request_key(claim),
        "fingerprint": {"B": claim.fingerprint},
        "answer_status": {"N": str(answer.status)},
        "answer_body": {"S": answer.body},
    }


def entry_of(item: dict[str, Any]) -> Entry:
    """Read the record of a request."""
    answer = Answer(int(item["answer_status"]["N"]), item["answer_body"]["S"])
    return Entry(bytes(item["fingerprint"]["B"]), answer)
