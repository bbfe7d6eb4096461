"""What a cleaned PDF may hold: a table of roles (ISO 32000-2), each with its keys and their roles.

A role is what an object is for: a font, a pattern, a graphics state. Everything that no role names
is left out: actions, annotations, forms, embedded files, metadata, optional content, structure,
and whatever a later edition or a private extension may add.

    number, name, truth, text       a value of that type; names and texts are cleaned
    numbers                         an array of numbers
    *role                           an array of things of this role, or one
    %role                           a map from names to things of this role
    keep:A|B                        a name, one of these, else the key is left out
    @kind                           built by a function of its own (`filters.formats.pdf_builder`)
"""

ROLES: dict[str, dict[str, str]] = {
    "font": {
        "Type": "keep:Font",
        "Subtype": "keep:Type0|Type1|MMType1|Type3|TrueType|CIDFontType0|CIDFontType2",
        "BaseFont": "name", "FirstChar": "number", "LastChar": "number", "Widths": "numbers",
        "FontDescriptor": "descriptor", "Encoding": "@encoding", "ToUnicode": "@cmap",
        "DescendantFonts": "*font", "CIDSystemInfo": "system", "DW": "number", "W": "@widths",
        "DW2": "numbers", "W2": "@widths", "CIDToGIDMap": "@map", "FontBBox": "numbers",
        "FontMatrix": "numbers",
    },
    "descriptor": {
        "Type": "keep:FontDescriptor", "FontName": "name", "Flags": "number", "FontBBox": "numbers",
        "ItalicAngle": "number", "Ascent": "number", "Descent": "number", "Leading": "number",
        "CapHeight": "number", "XHeight": "number", "StemV": "number", "StemH": "number",
        "AvgWidth": "number", "MaxWidth": "number", "MissingWidth": "number",
        "FontFile": "@program", "FontFile2": "@program", "FontFile3": "@program",
    },
    "system": {"Registry": "text", "Ordering": "text", "Supplement": "number"},
    "state": {
        "Type": "keep:ExtGState", "LW": "number", "LC": "number", "LJ": "number", "ML": "number",
        "OP": "truth", "op": "truth", "OPM": "number", "FL": "number", "SM": "number",
        "SA": "truth", "BM": "@blend", "SMask": "@softmask", "CA": "number", "ca": "number",
        "AIS": "truth", "TK": "truth",
    },
    "group": {
        "Type": "keep:Group", "S": "keep:Transparency", "CS": "@space", "I": "truth", "K": "truth",
    },
    "pattern": {
        "Type": "keep:Pattern", "PatternType": "number", "PaintType": "number",
        "TilingType": "number", "BBox": "numbers", "XStep": "number", "YStep": "number",
        "Matrix": "numbers", "Shading": "shading", "ExtGState": "state",
    },
    "shading": {
        "ShadingType": "number", "ColorSpace": "@space", "Background": "numbers",
        "BBox": "numbers", "AntiAlias": "truth", "Domain": "numbers", "Matrix": "numbers",
        "Function": "*function", "Coords": "numbers", "Extend": "@truths",
        "BitsPerCoordinate": "number", "BitsPerComponent": "number", "BitsPerFlag": "number",
        "Decode": "numbers", "VerticesPerRow": "number",
    },
    "function": {
        "FunctionType": "number", "Domain": "numbers", "Range": "numbers", "Size": "numbers",
        "BitsPerSample": "number", "Order": "number", "Encode": "numbers", "Decode": "numbers",
        "C0": "numbers", "C1": "numbers", "N": "number", "Functions": "*function",
        "Bounds": "numbers",
    },
    "form": {
        "Type": "keep:XObject", "Subtype": "keep:Form", "BBox": "numbers", "Matrix": "numbers",
        "Group": "group",
    },
    "calibrated": {
        "WhitePoint": "numbers", "BlackPoint": "numbers", "Gamma": "@gamma", "Matrix": "numbers",
        "Range": "numbers",
    },
}  # fmt: skip

RESOURCES = {
    "Font": "font", "XObject": "@xobject", "ExtGState": "state", "ColorSpace": "@space",
    "Pattern": "@pattern", "Shading": "shading",
}  # fmt: skip
