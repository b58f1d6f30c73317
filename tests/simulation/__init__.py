"""Whole ceremonies in one process, from a seed, with everything going wrong that may go wrong.

The nodes, their stores and the coordinator's decisions are the product's own. Simulated are time, the processes'
deaths, up to t-1 custodians that lie, and a coordinator that withholds, repeats, reorders, forks and rolls back
whatever it ever saw. After every step the invariants of `invariants` are checked; `views` keeps what the adversary
knows.

What the product draws at random (polynomials, nonces) stays random: it decides nothing. The seed decides the rest.
"""
