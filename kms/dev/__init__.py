"""A whole cluster on one machine, for trying and testing, and the verdict: what its host can read.

`samples` makes a small synthetic patient set, `needles` finds known values in every common spelling, `places`
reads files and process memory, `verdict` compares a look before the first record with a look after it, and
`envelope_control` is the ordinary server-side design that the product is measured against.
"""
