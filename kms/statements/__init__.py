"""What parties say: frozen values <-> exact bytes, with every check that needs no state.

Bytes become a typed value or an error here, once, at the door. A value that exists is valid, and the exact
bytes that it came from travel with it (`envelope.Signed`). `codec` is how, the other modules are what.
"""
