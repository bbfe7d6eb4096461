"""Check digits of well-known numbers: takes digits as ASCII bytes, gives whether they add up."""

_VALUES = {ord(sign): str(int(sign, 36)) for sign in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_PIECE = 1_000  # digits that become one number


def luhn(digits: bytes) -> bool:
    """ISO/IEC 7812-1 annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = digit - 0x30
        total += value if place % 2 == 0 else value * 2 - 9 * (value > 4)
    return total % 10 == 0


def mod11(digits: bytes) -> bool:
    """Ten digits, weights 10 to 2, the last the check digit (NHS data dictionary)."""
    if len(digits) != 10:
        return False
    total = sum(
        (digit - 0x30) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)
    )
    return (11 - total % 11) % 11 == digits[9] - 0x30


def mod97(signs: bytes) -> bool:
    """ISO 7064 modulo 97-10 of an IBAN: its first four signs to the end, letters as 10 to 35.

    Piece by piece, since a policy's own pattern may find any number of them.
    """
    number = "".join([_VALUES[sign] for sign in signs[4:] + signs[:4]])
    rest = 0
    for at in range(0, len(number), _PIECE):
        rest = int(f"{rest}{number[at : at + _PIECE]}") % 97
    return rest == 1


def npi(digits: bytes) -> bool:
    """A National Provider Identifier: Luhn with the prefix of the issuer."""
    return luhn(b"80840" + digits)
