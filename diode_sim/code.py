"""The erasure code that simulated links use: the product's fast one, where it works.

Takes nothing, gives a `guard.link.fec.Codec`. May load one shared library. All codes give the same
bytes (docs/spec/link.md §6 (4)), so a seed means the same with each.
"""

from guard.edge.isal import best_codec

__all__ = ["best_codec"]
