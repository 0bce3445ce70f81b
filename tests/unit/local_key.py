"""A token key of this process: the signer and the public keys of `countroom.identity.tokens` without KMS."""

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256


class LocalKey:
    def __init__(self, key_id: str = "key-1") -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self._key_id = key_id
        self.signatures = 0

    @property
    def key_id(self) -> str:
        return self._key_id

    def sign(self, message: bytes) -> bytes:
        self.signatures += 1
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def key(self, key_id: str) -> ec.EllipticCurvePublicKey | None:
        return self.private.public_key() if key_id == self._key_id else None

    def all(self) -> Mapping[str, ec.EllipticCurvePublicKey]:
        return {self._key_id: self.private.public_key()}
