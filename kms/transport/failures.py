"""The error tree <-> gRPC statuses with google.rpc details (AIP-193), in one place."""

from __future__ import annotations

from typing import Any, Final

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from kms import errors
from kms.errors import FieldProblem, KmsError

DOMAIN: Final = "threshold-kms"
DETAILS_KEY: Final = "grpc-status-details-bin"

_BY_STATUS: Final[dict[str, type[KmsError]]] = {
    "INVALID_ARGUMENT": errors.Invalid,
    "UNAUTHENTICATED": errors.EvidenceRefused,
    "PERMISSION_DENIED": errors.Denied,
    "FAILED_PRECONDITION": errors.Stale,
    "DATA_LOSS": errors.Fork,
    "ALREADY_EXISTS": errors.Conflict,
    "NOT_FOUND": errors.NotFound,
    "RESOURCE_EXHAUSTED": errors.Exhausted,
    "UNAVAILABLE": errors.Unavailable,
    "DEADLINE_EXCEEDED": errors.DeadlineExceeded,
}


def status_of(error: KmsError) -> grpc.StatusCode:
    """The gRPC status code of an error."""
    return getattr(grpc.StatusCode, error.status, grpc.StatusCode.INTERNAL)


def to_details(error: KmsError, request_id: str) -> bytes:
    """A google.rpc.Status: exactly one ErrorInfo, field paths if any, and the request id."""
    status = status_pb2.Status(code=status_of(error).value[0], message=error.message)
    parts = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=dict(error.details)),
        error_details_pb2.RequestInfo(request_id=request_id),
    ]
    if error.fields:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=f.path, description=f.problem)
            for f in error.fields
        ]
        parts.append(error_details_pb2.BadRequest(field_violations=violations))
    for part in parts:
        packed = any_pb2.Any()
        packed.Pack(part)
        status.details.append(packed)
    data: bytes = status.SerializeToString()
    return data


def from_rpc_error(error: grpc.aio.AioRpcError) -> KmsError:
    """The error that the other side raised, as far as its status and details tell."""
    code = error.code().name
    cls = _BY_STATUS.get(code, KmsError)
    metadata: Any = error.trailing_metadata() or ()
    found = dict(metadata).get(DETAILS_KEY)
    reason, fields, details = _read_details(found if isinstance(found, bytes) else b"", code)
    result = cls(error.details() or code, reason=reason, fields=fields, details=details)
    result.status = code
    return result


def _read_details(value: bytes, code: str) -> tuple[str, tuple[FieldProblem, ...], dict[str, str]]:
    reason = code
    fields: tuple[FieldProblem, ...] = ()
    details: dict[str, str] = {}
    try:
        status = status_pb2.Status.FromString(value)
        for packed in status.details:
            info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if packed.Unpack(info):
                reason, details = info.reason, dict(info.metadata)
            elif packed.Unpack(bad):
                fields = tuple(FieldProblem(v.field, v.description) for v in bad.field_violations)
    except DecodeError:  # the other side may send anything: its status code still stands
        return code, (), {}
    return reason, fields, details
