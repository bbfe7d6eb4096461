"""The model of a flow, whichever format it is of, for stages that look into it or change it.

Takes CBOR, gives decoded values that `filters.formats.model_places` and the like know, and the
other way round: every model as it is encoded, but that of an XML document as a tree, not as columns
(`filters.formats.xml_tree`).
"""

from filters.formats.xml_layout import KEYS, TREE_KEYS
from filters.formats.xml_tree import model_of, tree
from schemas.cbor import DEFAULT_LIMITS, CborLimits, CborValue, decode_recognised, encode_again


def open_model(untrusted: bytes, limits: CborLimits = DEFAULT_LIMITS) -> CborValue:
    """The model in `untrusted`; `Malformed` if it is none.

    As `schemas.cbor.decode_recognised`: for stages behind a recogniser of the model.
    """
    model = decode_recognised(untrusted, limits)
    return tree(model) if type(model) is dict and model.keys() == KEYS else model


def close_model(model: CborValue) -> bytes:
    """The encoding of what `open_model` gave, changed or not; `Malformed` for what has none."""
    if type(model) is dict and model.keys() == TREE_KEYS:
        model = dict(model_of(model))
    return encode_again(model)
