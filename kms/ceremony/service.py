"""The gRPC face of the mailbox. Whoever reaches it may fetch and send; what is believed is signed."""

from __future__ import annotations

import asyncio
from typing import Final

from kms.ceremony.mailbox import MAX_FILE, Mailbox
from kms.ceremony.proposals import Proposal, missing
from kms.statements.manifest import Manifest
from kms.transport.server import Call, Endpoint, Method
from kms.wire.v1 import mailbox_pb2 as pb

SERVICE: Final = "kms.v1.CeremonyMailboxService"


def endpoint(mailbox: Mailbox) -> Endpoint:
    """What goes onto the coordinator's port."""
    one = asyncio.Lock()

    async def put(request: pb.PutFileRequest, call: Call) -> pb.PutFileResponse:
        async with one:  # two signatures that come at once are both kept
            proposal = await asyncio.to_thread(mailbox.put, request.file)
        return pb.PutFileResponse(box=_entry(proposal) if proposal is not None else None)

    async def list_boxes(request: pb.ListBoxesRequest, call: Call) -> pb.ListBoxesResponse:
        async with one:
            boxes = await asyncio.to_thread(mailbox.boxes)
            return pb.ListBoxesResponse(boxes=map(_entry, boxes), enrolments=mailbox.enrolments())

    async def get(request: pb.GetFileRequest, call: Call) -> pb.GetFileResponse:
        async with one:
            return pb.GetFileResponse(file=await asyncio.to_thread(mailbox.fetch, request.digest))

    methods = (
        Method("PutFile", pb.PutFileRequest, put, max_bytes=MAX_FILE + 1024),
        Method("ListBoxes", pb.ListBoxesRequest, list_boxes),
        Method("GetFile", pb.GetFileRequest, get),
    )
    return Endpoint(SERVICE, methods)


def _entry(proposal: Proposal) -> pb.MailboxEntry:
    what = "manifest" if isinstance(proposal.statement, Manifest) else proposal.line.kind
    return pb.MailboxEntry(digest=proposal.digest, what=what, missing=missing(proposal))
