"""Check digits of well-known numbers: takes digits as ASCII bytes, gives whether they add up."""


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

    Sign by sign, since a policy's own pattern may find any number of them.
    """
    rest = 0
    for sign in signs[4:] + signs[:4]:
        value = int(chr(sign), 36)
        rest = (rest * (10 if value < 10 else 100) + value) % 97
    return rest == 1


def npi(digits: bytes) -> bool:
    """A National Provider Identifier: Luhn with the prefix of the issuer."""
    return luhn(b"80840" + digits)
