"""Evidence in, decision out: credentials, attributes, Cedar, counters, lint. Pure: no network, no disk.

`credentials` verifies what issuers say, `attributes` is all that a policy sees, `engine` asks Cedar and
denies on any doubt, `counters` brakes bulk reading, `lint` refuses policies that would open too much.
"""
