"""The client of Threshold KMS: create keys, encrypt and decrypt records, ask for releases, give grants.

`Client` blocks, `AsyncClient` is the same for asyncio. Both take a `Profile` (or the path of one).
"""

from kms.statements.keys import KeySpec
from kms.statements.release import Purpose
from kms_client.aio import AsyncClient
from kms_client.blame import Fault, verify_fault
from kms_client.blocking import Client
from kms_client.cache import CacheLimits, OpenKey
from kms_client.consent import Told
from kms_client.credentials import AllCredentials, CommandCredentials, CredentialSource, FileCredentials
from kms_client.noticing import Heard
from kms_client.profile import Profile, write_device_key
from kms_client.releasing import Release

__all__ = [
    "AllCredentials",
    "AsyncClient",
    "CacheLimits",
    "Client",
    "CommandCredentials",
    "CredentialSource",
    "Fault",
    "FileCredentials",
    "Heard",
    "KeySpec",
    "OpenKey",
    "Profile",
    "Purpose",
    "Release",
    "Told",
    "verify_fault",
    "write_device_key",
]
