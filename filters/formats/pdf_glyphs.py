"""Names of glyphs as characters, by the rules of the Adobe Glyph List, and the simple encodings.

Takes a glyph's name (`Aacute`, `f_i`, `uni0041`, `s.alt`), gives the characters, or `UNKNOWN`. The
list is not carried: names of letters with accents are composed, Cyrillic ones counted, the rest
stand here. What follows the first dot is how the glyph looks; underscores part what it stands for.
"""

import re
import unicodedata

UNKNOWN = "\ufffd"
_ACCENTS = {
    "acute": 0x301, "grave": 0x300, "circumflex": 0x302, "dieresis": 0x308, "tilde": 0x303,
    "ring": 0x30A, "cedilla": 0x327, "caron": 0x30C, "macron": 0x304, "breve": 0x306,
    "ogonek": 0x328, "dotaccent": 0x307, "hungarumlaut": 0x30B, "commaaccent": 0x327,
    "dot": 0x307, "dotbelow": 0x323, "hookabove": 0x309, "horn": 0x31B, "tonos": 0x301,
    "dieresistonos": 0x344, "dblacute": 0x30B, "dblgrave": 0x30F, "invertedbreve": 0x311,
}  # fmt: skip
_NAMED = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "space": " ", "nbspace": " ", "exclam": "!",
    "quotedbl": '"', "numbersign": "#", "dollar": "$", "percent": "%", "ampersand": "&",
    "quotesingle": "'", "parenleft": "(", "parenright": ")", "asterisk": "*", "plus": "+",
    "comma": ",", "hyphen": "-", "period": ".", "slash": "/", "colon": ":", "semicolon": ";",
    "less": "<", "equal": "=", "greater": ">", "question": "?", "at": "@", "bracketleft": "[",
    "backslash": "\\", "bracketright": "]", "asciicircum": "^", "underscore": "_", "grave": "`",
    "braceleft": "{", "bar": "|", "braceright": "}", "asciitilde": "~", "sfthyphen": "\u00ad",
    "softhyphen": "\u00ad", "AE": "Æ", "ae": "æ", "OE": "Œ", "oe": "œ", "Oslash": "Ø",
    "oslash": "ø", "Lslash": "Ł", "lslash": "ł", "Eth": "Ð", "eth": "ð", "Thorn": "Þ",
    "thorn": "þ", "germandbls": "ß", "dotlessi": "ı", "dotlessj": "ȷ", "Dcroat": "Đ",
    "dcroat": "đ", "Hbar": "Ħ", "hbar": "ħ", "kgreenlandic": "ĸ", "Eng": "Ŋ", "eng": "ŋ",
    "Tbar": "Ŧ", "tbar": "ŧ", "IJ": "Ĳ", "ij": "ĳ", "longs": "ſ", "florin": "ƒ", "ff": "ff",
    "fi": "fi", "fl": "fl", "ffi": "ffi", "ffl": "ffl", "exclamdown": "¡", "cent": "¢",
    "sterling": "£", "currency": "¤", "yen": "¥", "brokenbar": "¦", "section": "§",
    "copyright": "©", "ordfeminine": "ª", "guillemotleft": "«", "logicalnot": "¬",
    "registered": "®", "degree": "°", "plusminus": "±", "mu": "µ", "paragraph": "¶",
    "periodcentered": "·", "middot": "·", "ordmasculine": "º", "guillemotright": "»",
    "onequarter": "¼", "onehalf": "½", "threequarters": "¾", "questiondown": "¿",
    "multiply": "×", "divide": "÷", "endash": "–", "emdash": "—", "quoteleft": "‘",
    "quoteright": "’", "quotesinglbase": "‚", "quotedblleft": "“", "quotedblright": "”",
    "quotedblbase": "„", "dagger": "†", "daggerdbl": "‡", "bullet": "•", "ellipsis": "…",
    "perthousand": "‰", "guilsinglleft": "‹", "guilsinglright": "›", "fraction": "/",
    "Euro": "€", "euro": "€", "trademark": "™", "minus": "-", "partialdiff": "∂", "Delta": "Δ",
    "product": "∏", "summation": "∑", "radical": "√", "infinity": "∞", "integral": "∫",
    "approxequal": "≈", "notequal": "≠", "lessequal": "≤", "greaterequal": "≥", "lozenge": "◊",
    "acute": "´", "dieresis": "¨", "macron": "¯", "cedilla": "¸", "breve": "˘",
    "caron": "ˇ", "circumflex": "ˆ", "dotaccent": "˙", "hungarumlaut": "˝", "ogonek": "˛",
    "ring": "˚", "tilde": "˜", "arrowleft": "←", "arrowup": "↑", "arrowright": "→",
    "arrowdown": "↓", "thetasymbol": "ϑ", "phisymbol": "ϕ", "sigmafinal": "ς", "Omega": "Ω",
    "element": "∈", "similar": "∼", "equivalence": "≡", "asteriskmath": "*", "nbhyphen": "-",
}  # fmt: skip
_LOOKS = re.compile(
    "(small|oldstyle|superior|inferior|fitted|tab|swash|monospace|bigg?|Bigg?|display|text|(?:sc|osf|lf|tf|sups|sinf|numr|dnom))$"
)
_UNI = re.compile(r"uni((?:[0-9A-Fa-f]{4})+)")
_U = re.compile(r"u([0-9A-Fa-f]{4,6})")
_CYRILLIC = "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
_PARTS_MAX = 16


def _counted() -> dict[str, str]:
    """Cyrillic letters by their numbers, and Greek ones by their names."""
    found = {f"afii{10017 + at}": letter for at, letter in enumerate(_CYRILLIC)}
    found |= {f"afii{10065 + at}": letter.lower() for at, letter in enumerate(_CYRILLIC)}
    others = "ЂЃЄЅІЇЈЉЊЋЌЎ"
    found |= {f"afii{10051 + at}": letter for at, letter in enumerate(others)}
    found |= {f"afii{10099 + at}": letter.lower() for at, letter in enumerate(others)}
    found |= {"afii10145": "Џ", "afii10193": "џ", "afii10050": "Ґ", "afii10098": "ґ"}
    for code in (*range(0x391, 0x3AA), *range(0x3B1, 0x3CA)):
        name = unicodedata.name(chr(code), "")
        if name and "FINAL" not in name:
            short = name.rsplit(" ", 1)[1].replace("LAMDA", "LAMBDA").lower()
            found.setdefault(short.capitalize() if code < 0x3B0 else short, chr(code))
    return found


_KNOWN = _counted() | _NAMED


def characters_of(name: str) -> str:
    """The characters that a glyph's name stands for, `UNKNOWN` for each part that says nothing."""
    parts = name.partition(".")[0].split("_")[:_PARTS_MAX]
    return "".join(map(_part, parts)) if parts != [""] else UNKNOWN


def _part(name: str) -> str:
    if len(name) == 1:
        return name
    if name in _KNOWN:
        return _KNOWN[name]
    found = _UNI.fullmatch(name)
    if found is not None:
        units = found[1]
        return "".join(_character(units[at : at + 4]) for at in range(0, len(units), 4))
    found = _U.fullmatch(name)
    if found is not None:
        return _character(found[1])
    for letters in (2, 1):  # the longer one first: dotlessi, AEacute
        base = _KNOWN.get(name[:letters]) if letters == 2 else name[:1]
        if base and name[letters:] in _ACCENTS:
            return unicodedata.normalize("NFC", base + chr(_ACCENTS[name[letters:]]))
    plain = _LOOKS.sub("", name)
    return _part(plain) if plain and plain != name else _greek(name)


def _greek(name: str) -> str:
    """A Greek letter with an accent: Alphatonos."""
    for accent in ("dieresistonos", "tonos", "dieresis"):
        base = _KNOWN.get(name.removesuffix(accent))
        if base and name.endswith(accent):
            return unicodedata.normalize("NFC", base + chr(_ACCENTS[accent]))
    return UNKNOWN


def _character(digits: str) -> str:
    code = int(digits, 16)
    return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else UNKNOWN


_STANDARD = {
    0x27: "’", 0x60: "‘", 0xA4: "/", 0xA6: "ƒ", 0xA8: "¤", 0xA9: "'", 0xAA: "“", 0xAC: "‹",
    0xAD: "›", 0xAE: "fi", 0xAF: "fl", 0xB1: "–", 0xB2: "†", 0xB3: "‡", 0xB4: "·", 0xB7: "•",
    0xB8: "‚", 0xB9: "„", 0xBA: "”", 0xBC: "…", 0xBD: "‰", 0xC1: "`", 0xC2: "´", 0xC3: "ˆ",
    0xC4: "˜", 0xC5: "¯", 0xC6: "˘", 0xC7: "˙", 0xC8: "¨", 0xCA: "˚", 0xCB: "¸", 0xCD: "˝",
    0xCE: "˛", 0xCF: "ˇ", 0xD0: "—", 0xE1: "Æ", 0xE3: "ª", 0xE8: "Ł", 0xE9: "Ø", 0xEA: "Œ",
    0xEB: "º", 0xF1: "æ", 0xF5: "ı", 0xF8: "ł", 0xF9: "ø", 0xFA: "œ", 0xFB: "ß",
}  # fmt: skip
_WINDOWS = bytes(range(32, 256)).decode("cp1252", "replace")
_MAC = bytes(range(32, 256)).decode("mac_roman")
WINDOWS = dict(enumerate(_WINDOWS, 32))
BY_NAME = {
    "StandardEncoding": {code: WINDOWS[code] for code in range(32, 127)} | _STANDARD,
    "MacRomanEncoding": dict(enumerate(_MAC, 32)),
    "WinAnsiEncoding": WINDOWS,
}
