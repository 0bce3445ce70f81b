"""The rows of other rooms that travel with the money: a deposit's and a withdrawal's state, a player and their e-mail address."""

from typing import Any, Final

LEDGER: Final = "ledger"
ROOMS: Final = "rooms"
"""The table of the other rooms; keys ``pk`` and ``sk``."""

_SORT: Final = {"S": "row"}
CREATED: Final = "created"
PENDING: Final = "pending"
CREDITED: Final = "credited"
RESERVED: Final = "reserved"
CANCELLED: Final = "cancelled"


def row_key(name: str) -> dict[str, Any]:
    """The key of a row."""
    return {"pk": {"S": name}, "sk": _SORT}


def new_row(name: str, state: str) -> dict[str, Any]:
    """A row in its first state."""
    return {"Put": {"TableName": ROOMS, "Item": {**row_key(name), "state": {"S": state}, "changes": {"L": []}}}}


def moved(name: str, before: str, after: str) -> dict[str, Any]:
    """A row's step from one state to another, refused when it is in neither the first."""
    return {
        "Update": {
            "TableName": ROOMS,
            "Key": row_key(name),
            "UpdateExpression": "SET #state = :after, #changes = list_append(#changes, :change)",
            "ConditionExpression": "#state = :before",
            "ExpressionAttributeNames": {"#state": "state", "#changes": "changes"},
            "ExpressionAttributeValues": {":before": {"S": before}, ":after": {"S": after}, ":change": {"L": [{"S": after}]}},
        }
    }


def claimed(name: str, owner: str) -> dict[str, Any]:
    """A name that one owner alone can have."""
    item = {**row_key(name), "owner": {"S": owner}}
    return {"Put": {"TableName": ROOMS, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}
