"""moto answers for DynamoDB, quicker: of an attribute's ten possible types it looks up those that are there, not all ten."""

from typing import Any

import pytest
from botocore.model import Shape, StructureShape
from moto.core.serialize import SERVICE_SPECIFIC_SERIALIZERS, JSONSerializer

ATTRIBUTE = "AttributeValue"


class QuickSerializer(JSONSerializer):
    """Writes what JSONSerializer writes."""

    def _serialize_type_structure(self, serialized: Any, value: Any, shape: StructureShape, key: str) -> None:
        if shape.name != ATTRIBUTE or not isinstance(value, dict):
            super()._serialize_type_structure(serialized, value, shape, key)
            return
        wrapper: dict[str, Any] = {}
        for kind, held in value.items():
            member: Shape = shape.members[kind]
            self._serialize(wrapper, held, member, kind)
        self._default_serialize(serialized, wrapper, shape, key)


def install(patch: pytest.MonkeyPatch) -> None:
    """Let moto use it."""
    patch.setitem(SERVICE_SPECIFIC_SERIALIZERS, "dynamodb", {"json": QuickSerializer})
