"""The custodian's console: a small web app for approvers, served by the node itself on a port of its own.

It decides nothing. It shows what the node verified, and forwards what an approver's passkey signed: whether that
is an approval is the node's to say. `doors` and `sessions` keep others out.
"""
