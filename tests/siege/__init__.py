"""A whole keyring against an adversary, in one thread and from one seed: what holds whatever happens.

`python -m tests.siege SEED` plays one seed (`scripts/siege` finds the environment for it); docs/siege.md
says what is real in it, what is not, and what is held against every step.
"""
