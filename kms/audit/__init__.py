"""Reads all custodians' logs, checks them by themselves and against each other, and names who lies or leaves out.

An auditor holds no secret and is trusted with none: whoever doubts its report runs it too.
"""
