"""The admins' side of ceremonies: propose, show, sign, gather, rehearse, and verify a transcript afterwards.

Every file of a ceremony has one form (`files`): signed statements and attachments, one a line. `drafts` makes what
is proposed, `proposals` reads it and adds signatures up, `checks` says why one must not sign, `rendering` shows it to
everybody in the same words. `verify` stands apart: it shares none of that code and runs on a second implementation.
"""
