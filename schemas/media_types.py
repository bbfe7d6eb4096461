"""File name extensions of what is delivered, by media type.

Takes a media type that a builder has set, gives the extension. Used where a policy delivers more
than one format and so names no extension of its own.
"""

_EXTENSIONS = {
    "application/pdf": "pdf",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
}
UNKNOWN = "bin"


def extension_of(media_type: str) -> str:
    """The extension, `bin` for a type that is not listed."""
    return _EXTENSIONS.get(media_type, UNKNOWN)
