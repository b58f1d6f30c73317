from kms.wire.buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExplainRequest(_message.Message):
    __slots__ = ("digits",)
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    digits: str
    def __init__(self, digits: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("request_hash", "keys")
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    request_hash: bytes
    keys: _containers.RepeatedCompositeFieldContainer[ExplainedKeys]
    def __init__(self, request_hash: _Optional[bytes] = ..., keys: _Optional[_Iterable[_Union[ExplainedKeys, _Mapping]]] = ...) -> None: ...

class ExplainedKeys(_message.Message):
    __slots__ = ("positions", "verdict", "reason", "text", "explanation")
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedScalarFieldContainer[int]
    verdict: str
    reason: str
    text: str
    explanation: Explanation
    def __init__(self, positions: _Optional[_Iterable[int]] = ..., verdict: _Optional[str] = ..., reason: _Optional[str] = ..., text: _Optional[str] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("verdict", "reason", "text", "rules", "ways", "tried")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    WAYS_FIELD_NUMBER: _ClassVar[int]
    TRIED_FIELD_NUMBER: _ClassVar[int]
    verdict: str
    reason: str
    text: str
    rules: _containers.RepeatedCompositeFieldContainer[ExplainedRule]
    ways: _containers.RepeatedCompositeFieldContainer[ExplainedWay]
    tried: _containers.RepeatedCompositeFieldContainer[TriedRule]
    def __init__(self, verdict: _Optional[str] = ..., reason: _Optional[str] = ..., text: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[ExplainedRule, _Mapping]]] = ..., ways: _Optional[_Iterable[_Union[ExplainedWay, _Mapping]]] = ..., tried: _Optional[_Iterable[_Union[TriedRule, _Mapping]]] = ...) -> None: ...

class ExplainedRule(_message.Message):
    __slots__ = ("name", "effect", "text")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    name: str
    effect: str
    text: str
    def __init__(self, name: _Optional[str] = ..., effect: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class ExplainedWay(_message.Message):
    __slots__ = ("text", "verdict", "rules")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    text: str
    verdict: str
    rules: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, text: _Optional[str] = ..., verdict: _Optional[str] = ..., rules: _Optional[_Iterable[str]] = ...) -> None: ...

class TriedRule(_message.Message):
    __slots__ = ("rule", "holds", "failing")
    RULE_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    FAILING_FIELD_NUMBER: _ClassVar[int]
    rule: ExplainedRule
    holds: bool
    failing: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, rule: _Optional[_Union[ExplainedRule, _Mapping]] = ..., holds: _Optional[bool] = ..., failing: _Optional[_Iterable[str]] = ...) -> None: ...
