"""Running submissions that nobody trusts.

`jail` makes the place, `process` talks to it, `remote` brings what is in it to the checks, `execute` runs a
notebook. `zygote`, `runner` and `stand_in` are what runs inside; both sides speak `wire`.
"""
