"""A cleaned PDF out of an opened one: reached from its pages, by the table of roles.

Takes pages of a document that pikepdf has opened, gives the model of docs/spec/pdf-model.md.
Objects are copied value by value into new ones; what `pdf_roles` does not name is left out, so are
colour profiles, names of resources and the spelling of everything. Raises `Malformed`.
"""

import zlib
from typing import Any

import pikepdf

from filters.formats import pdf_bodies, pdf_content, pdf_values
from filters.formats.pdf_charges import Charges
from filters.formats.pdf_cmap import rewritten
from filters.formats.pdf_matrix import check_matrix
from filters.formats.pdf_pictures import picture
from filters.formats.pdf_roles import RESOURCES, ROLES
from filters.formats.pdf_structure import PdfLimits
from filters.formats.pdf_values import NAME, UNNAMED, clean_name, draws_by_what_is_around, real
from filters.formats.picture_structure import broken, unwanted
from schemas.errors import Malformed
from schemas.reasons import Reason

DEPTH_LEVELS_MAX = 24
CMAP_BYTES_A_STEP = 8
_DEVICES = {"/DeviceGray": 1, "/DeviceRGB": 3, "/DeviceCMYK": 4, "/G": 1, "/RGB": 3, "/CMYK": 4,
            "/CalGray": 1, "/CalRGB": 3, "/CalCMYK": 4}  # fmt: skip
_BY_COUNT = {1: "DeviceGray", 3: "DeviceRGB", 4: "DeviceCMYK"}


def deflated(raw: bytes) -> dict[str, Any]:
    """Bytes of a stream as the model holds them."""
    return {"$b": zlib.compress(raw, 1), "$n": len(raw)}


class Builder:
    """Objects of the new document, in the order in which they are reached."""

    def __init__(self, limits: PdfLimits, steps_max: int) -> None:
        self.objects: list[Any] = []
        self.limits = limits
        self.dropped: set[str] = set()
        self._known: dict[tuple[Any, ...], int] = {}
        self._open: set[tuple[Any, ...]] = set()
        self._around: Any = None  # the resources around
        self._place: tuple[Any, ...] = ()  # which those are, for `_known`
        self._places = 0
        self._unnamed: dict[str, str] = {}
        self.holder = pikepdf.new()  # what inline pictures belong to when they become streams
        self._depth = 0
        self._pixels = 0
        self.charges = Charges(limits, steps_max)

    def page(self, page: Any) -> int:
        """The number of a page's new object."""
        box = self.charges.numbers(page.get("/MediaBox"), 4)
        new: dict[str, Any] = {"Type": "Page", "MediaBox": box}
        if "/CropBox" in page:
            new["CropBox"] = self.charges.numbers(page["/CropBox"], 4)
        turned = page.get("/Rotate", 0)
        if turned:
            if int(turned) % 90:
                broken("a page that is turned by no right angle")
            new["Rotate"] = int(turned) % 360
        if "/Group" in page:
            new["Group"] = self.reference("group", page["/Group"])
        for key in ("/Annots", "/AA", "/Thumb", "/PieceInfo", "/Metadata", "/StructParents"):
            if key in page:
                self.dropped.add(key[1:].lower())
        content = self.content(page, page.get("/Resources"))
        return self.add({**new, **content[0], "Contents": {"$o": self.add(content[1])}})

    def add(self, value: Any) -> int:
        """Put one object at the end; gives its number."""
        if len(self.objects) >= self.limits.objects_max:
            raise Malformed(Reason.TOO_MANY_ELEMENTS, "the PDF has too many objects")
        self.objects.append(value)
        return len(self.objects) - 1

    def content(self, stream: Any, resources: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Resources and canonical text of a content stream; without resources those around it."""
        before = self._around, self._place
        if resources is not None:
            self._surround(resources)
        try:
            names, inline = pdf_content.Names(), dict[str, Any]()
            text = self.text_of(stream, names, inline)
            return {"Resources": self.resources_of(names, inline)}, text
        finally:
            self._around, self._place = before

    def _surround(self, resources: Any) -> None:
        """These are the resources of content without some, from here on."""
        self._places += 1
        self._around = resources
        self._place = ("at", *resources.objgen) if resources.is_indirect else ("", self._places)

    def text_of(
        self, stream: Any, names: pdf_content.Names, inline: dict[str, Any]
    ) -> dict[str, Any]:
        """The canonical text of a content stream; its names and inline pictures are added."""

        def keep(image: Any) -> str:
            given = f"inline {len(inline)}"
            inline[given] = image
            return names.of("XObject", given)

        given = stream if isinstance(stream, pikepdf.Stream) else stream.get("/Contents")
        self.charges.content(given)
        return pdf_content.text_of(given, pdf_content.Writing(names, keep, self.charges.written))

    def resources_of(self, names: pdf_content.Names, inline: dict[str, Any]) -> dict[str, Any]:
        """The resources that content names, under their short names."""
        found: dict[str, Any] = {}
        for (category, given), short in names.short.items():
            if given in inline:
                value = {"$o": self.add(self.picture_of(inline[given], self._around))}
            else:
                value = self.resource(category, _looked_up(self._around, category, given))
            found.setdefault(category, {})[short] = value
        return found

    def resource(self, category: str, value: Any) -> Any:
        """A resource: always an object of its own, but for colour spaces."""
        role = RESOURCES[category]
        return self.built(role, value) if role == "@space" else self.reference(role, value)

    def reference(self, role: str, value: Any) -> dict[str, int]:
        """A reference to the new object of an old one; the same for the same."""
        if not value.is_indirect:
            return {"$o": self.add(self.built(role, value))}
        key: tuple[Any, ...] = (role, value.objgen)
        key += self._place if draws_by_what_is_around(value) else ()
        if key in self._open:
            broken("the PDF's objects go round in a circle")
        if key not in self._known:
            self._open.add(key)
            made = self.built(role, value)
            self._open.discard(key)
            self._known[key] = self.add(made)
        return {"$o": self._known[key]}

    def built(self, role: str, value: Any) -> Any:
        """The new value of an old one in this role."""
        self._depth += 1
        if self._depth > DEPTH_LEVELS_MAX:
            raise Malformed(Reason.TOO_DEEP, "the PDF nests deeper than its bound")
        try:
            if role in ROLES:
                return self.of_role(role, value)
            if role.startswith("@"):
                return getattr(self, role[1:])(value)
            return self.plain(role, value)
        finally:
            self._depth -= 1

    def plain(self, role: str, value: Any) -> Any:
        """Numbers, names, truths, texts and arrays of things."""
        if role == "number":
            return real(value)
        if role == "numbers":
            return self.charges.numbers(value)
        if role == "truth":
            return bool(value)
        if role == "name":
            return clean_name(value)
        if role == "text":
            text = str(value)
            return (text if NAME.fullmatch(text) else UNNAMED).encode()
        if role.startswith("keep:"):
            allowed = role[5:].split("|")
            return str(value)[1:] if str(value)[1:] in allowed else None
        items = value if isinstance(value, pikepdf.Array) else [value]
        if len(items) > 64:
            broken("a list of too many things")
        found = [self.reference(role[1:], item) for item in items]
        return found if isinstance(value, pikepdf.Array) else found[0]

    def of_role(self, role: str, value: Any) -> dict[str, Any]:
        """A dictionary or stream with the keys that the role has."""
        if not isinstance(value, pikepdf.Dictionary | pikepdf.Stream):
            broken(f"a {role} that is no dictionary")
        new: dict[str, Any] = {}
        for key, of_key in ROLES[role].items():
            if f"/{key}" in value:
                item = value[f"/{key}"]
                if key in ("Matrix", "FontMatrix") and role != "calibrated":
                    check_matrix(list(item))
                apart = of_key in ROLES
                made = self.reference(of_key, item) if apart else self.built(of_key, item)
                if made is not None:
                    new[key] = made
        if role == "function" and isinstance(value, pikepdf.Stream):
            new.update(deflated(pdf_bodies.function(new, self.bytes_of(value))))
        elif role == "shading" and isinstance(value, pikepdf.Stream):
            count = self.components(new.get("ColorSpace", "DeviceGray"))
            steps = self.charges.steps
            new.update(deflated(pdf_bodies.shading(new, self.bytes_of(value), count, steps)))
        elif role == "font" and new.get("Subtype") == "Type3":
            new.update(self.glyphs(value))
        return new

    # -- what has a builder of its own

    def xobject(self, value: Any) -> Any:
        """A form or a picture."""
        kind = str(value.get("/Subtype", ""))
        if kind == "/Image":
            return self.picture_of(value, None)
        if kind != "/Form":
            broken("an external object that is neither a form nor a picture")
        return self.form(value)

    def form(self, value: Any) -> dict[str, Any]:
        """A form: its dictionary and its content."""
        resources, content = self.content(value, value.get("/Resources"))
        return self.of_role("form", value) | resources | content

    def picture_of(self, value: Any, resources: Any) -> dict[str, Any]:
        """A picture, decoded and stored anew; `resources` for the spaces of an inline one."""
        new, pixels = picture(value, self, resources)
        self._pixels += pixels
        if self._pixels > self.limits.all_pixels_max:
            raise Malformed(Reason.TOO_MANY_PIXELS, "the pictures have too many pixels together")
        return new

    def pattern(self, value: Any) -> dict[str, Any]:
        """A tiling pattern with its content, or a shading pattern."""
        new = self.of_role("pattern", value)
        if isinstance(value, pikepdf.Stream):
            resources, content = self.content(value, value.get("/Resources"))
            return new | resources | content
        return new

    def glyphs(self, font: Any) -> dict[str, Any]:
        """The glyphs of a Type 3 font, each a content stream, and the resources of them all."""
        procs = font.get("/CharProcs")
        if not isinstance(procs, pikepdf.Dictionary) or len(procs.keys()) > 4096:
            broken("a Type 3 font of no or too many glyphs")
        before = self._around, self._place
        if "/Resources" in font:
            self._surround(font["/Resources"])
        names, inline = pdf_content.Names(), dict[str, Any]()
        found = {
            self.glyph_name(pikepdf.Name(name)): {
                "$o": self.add(self.text_of(glyph, names, inline))
            }
            for name, glyph in procs.items()
        }
        resources = self.resources_of(names, inline)
        self._around, self._place = before
        return {"CharProcs": found, "Resources": resources}

    def glyph_name(self, value: Any) -> str:
        """A glyph's name; by its number if it says nothing or looks so, so that two stay two."""
        name = clean_name(value)
        if not name.startswith(UNNAMED):
            return name
        return self._unnamed.setdefault(str(value), f"{UNNAMED}.{len(self._unnamed):06}")

    def softmask(self, value: Any) -> Any:
        """A soft mask: a group as a form."""
        if isinstance(value, pikepdf.Name):
            return "None"
        new = {"S": self.plain("keep:Alpha|Luminosity", value.get("/S")),
               "G": self.reference("@form", value["/G"])}  # fmt: skip
        if "/BC" in value:
            new["BC"] = self.charges.numbers(value["/BC"])
        return new

    def blend(self, value: Any) -> Any:
        """A blend mode, or the first of several."""
        return pdf_values.blend_name(value[0] if isinstance(value, pikepdf.Array) else value)

    def truths(self, value: Any) -> list[bool]:
        """An array of two truth values."""
        return [bool(value[at]) for at in range(min(len(value), 2))]

    def gamma(self, value: Any) -> Any:
        """One number or three."""
        return self.charges.numbers(value) if isinstance(value, pikepdf.Array) else real(value)

    def widths(self, value: Any) -> list[Any]:
        """Widths of a CID font: numbers, and arrays of them."""
        listed = self.charges.items(value)
        numbers = self.charges.numbers
        return [numbers(x) if isinstance(x, pikepdf.Array) else real(x) for x in listed]

    def encoding(self, value: Any) -> Any:
        """A named encoding, differences to one, or a character map."""
        if isinstance(value, pikepdf.Name):
            return pdf_values.encoding_name(value)
        if isinstance(value, pikepdf.Stream):
            return self.built("@cmap", value)
        new: dict[str, Any] = {"Type": "Encoding"}
        if "/BaseEncoding" in value:
            new["BaseEncoding"] = pdf_values.encoding_name(value["/BaseEncoding"])
        if "/Differences" in value:
            new["Differences"] = [
                self.glyph_name(x) if isinstance(x, pikepdf.Name) else int(x)
                for x in self.charges.items(value["/Differences"])
            ]
        return new

    def cmap(self, value: Any) -> Any:
        """A character map, written anew from its ranges; a named one as its name."""
        if isinstance(value, pikepdf.Name):
            return pdf_values.encoding_name(value)
        from_bytes = self.bytes_of(value)
        self.charges.steps(len(from_bytes) // CMAP_BYTES_A_STEP)
        return {"$o": self.add(deflated(rewritten(from_bytes)))}

    def map(self, value: Any) -> Any:
        """Glyph numbers of a CID font."""
        if isinstance(value, pikepdf.Name):
            return "Identity"
        return {"$o": self.add(deflated(pdf_bodies.glyph_numbers(self.bytes_of(value))))}

    def program(self, value: Any) -> Any:
        """A font program: the one thing that is carried over as it is."""
        raw = self.bytes_of(value)
        new: dict[str, Any] = deflated(raw)
        for key in ("Length1", "Length2", "Length3"):
            if f"/{key}" in value:
                new[key] = int(value[f"/{key}"])
        kind = self.plain("keep:Type1C|CIDFontType0C|OpenType", value.get("/Subtype", ""))
        if kind is not None:
            new["Subtype"] = kind
        return {"$o": self.add(new)}

    def space(self, value: Any) -> Any:
        """A colour space; one with a profile is the device's of as many components."""
        if isinstance(value, pikepdf.Name):
            if str(value) == "/Pattern":
                return "Pattern"
            if str(value) not in _DEVICES:
                broken("a colour space that PDF does not have")
            return _BY_COUNT[_DEVICES[str(value)]]
        kind = str(value[0])
        if len(value) == 1:
            return self.built("@space", value[0])
        if kind == "/ICCBased":
            self.dropped.add("colour profile")
            count = int(value[1].get("/N", 0))
            if count not in _BY_COUNT:
                broken("a colour profile of a number of components that PDF does not have")
            return _BY_COUNT[count]
        if kind in ("/CalGray", "/CalRGB", "/Lab"):
            return [kind[1:], self.of_role("calibrated", value[1])]
        if kind in ("/Indexed", "/I"):
            table = value[3]
            raw = self.bytes_of(table) if isinstance(table, pikepdf.Stream) else bytes(table)
            base, last = self.built("@space", value[1]), int(value[2])
            return ["Indexed", base, last, pdf_bodies.palette(last, self.components(base), raw)]
        if kind == "/Pattern":
            return ["Pattern", self.built("@space", value[1])]
        if kind == "/Separation":
            name = clean_name(value[1])
            return [
                "Separation",
                name,
                self.built("@space", value[2]),
                self.reference("function", value[3]),
            ]
        if kind == "/DeviceN":
            names = [clean_name(item) for item in self.charges.items(value[1])][:32]
            return [
                "DeviceN",
                names,
                self.built("@space", value[2]),
                self.reference("function", value[3]),
            ]
        return unwanted("a colour space that is not taken")

    def components(self, space: Any) -> int:
        """How many components a colour of this new space has."""
        if isinstance(space, str):
            return next(count for count, name in _BY_COUNT.items() if name == space)
        named = {"CalGray": 1, "CalRGB": 3, "Lab": 3, "Indexed": 1, "Separation": 1}
        return named.get(space[0]) or len(space[1])

    def bytes_of(self, stream: Any) -> bytes:
        """The decoded bytes of a stream; `Malformed` for a filter that is for pictures alone."""
        if not isinstance(stream, pikepdf.Stream):
            broken("no stream where one must be")
        raw = bytes(stream.get_stream_buffer(pikepdf.StreamDecodeLevel.generalized))
        self.count(len(raw))
        return raw

    def count(self, size: int) -> None:
        """Charge decoded bytes against the bound."""
        self.charges.bytes(size)


def _looked_up(resources: Any, category: str, given: str) -> Any:
    try:
        return resources[f"/{category}"][given]
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(Reason.SYNTAX, f"content names a {category} that is not there") from error
