"""A players table in this process: conditional writes that threads can race on, and answers that can get lost."""

import json
import secrets
import threading
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.simulation.dynamodb import Model, Schema
from tests.simulation.errors import client_error

TABLE = "players"
Item = dict[str, Any]


class MemoryTable(Model):
    """DynamoDB's single-item calls over the model. `before` is told of every call by its name, and may raise or wait."""

    def __init__(self, *tables: str) -> None:
        super().__init__({TABLE: Schema(("pk", "sk")), **{name: Schema(("pk",)) for name in tables}})
        self.lock = threading.RLock()
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda _name: None
        self.after: Callable[[str], None] = lambda _name: None

    def get_item(self, **request: Any) -> Item:
        return self._called("get_item", lambda: super(MemoryTable, self).get_item(**request))

    def put_item(self, **request: Any) -> Item:
        return self._called("put_item", lambda: self._write("PutItem", {"Put": request}))

    def update_item(self, **request: Any) -> Item:
        returned = request.pop("ReturnValues", "NONE")
        answer = self._called("update_item", lambda: self._write("UpdateItem", {"Update": request}))
        return answer if returned == "ALL_NEW" else {}

    def transact_write_items(self, **request: Any) -> Item:
        return self._called("transact_write_items", lambda: super(MemoryTable, self).transact_write_items(**request))

    def of_kind(self, prefix: str) -> list[Item]:
        """Every item of the players table whose key begins so."""
        return [dict(item) for item in self.tables[TABLE].items.values() if item["pk"]["S"].startswith(prefix)]

    def _called(self, name: str, call: Callable[[], Item]) -> Item:
        self.before(name)
        with self.lock:
            self.calls.append(name)
            answer = call()
        self.after(name)
        return answer

    def _write(self, operation: str, entry: dict[str, Any]) -> Item:
        (write,), (reason,) = self.evaluate([entry])
        if reason["Code"] != "None":
            raise client_error("ConditionalCheckFailedException", operation)
        self.tables[write.table].put(write.key, write.after)
        return {"Attributes": write.after or {}}


class MemoryKms:
    """A symmetric KMS key: what it seals opens under the same context only."""

    def __init__(self) -> None:
        self._key = AESGCM(AESGCM.generate_key(256))
        self.opened = 0

    def encrypt(self, **request: Any) -> Item:
        nonce = secrets.token_bytes(12)
        return {"CiphertextBlob": nonce + self._key.encrypt(nonce, request["Plaintext"], _context(request))}

    def decrypt(self, **request: Any) -> Item:
        self.opened += 1
        blob = request["CiphertextBlob"]
        try:
            return {"Plaintext": self._key.decrypt(blob[:12], blob[12:], _context(request))}
        except InvalidTag:
            raise client_error("InvalidCiphertextException", "Decrypt") from None


def _context(request: Item) -> bytes:
    return json.dumps([request["KeyId"], request["EncryptionContext"]], sort_keys=True).encode()
