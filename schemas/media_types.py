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
    "application/zip": "zip",
    "application/x-tar": "tar",
    "application/gzip": "gz",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.graphics": "odg",
    "application/vnd.oasis.opendocument.formula": "odf",
}
UNKNOWN = "bin"


def extension_of(media_type: str) -> str:
    """The extension, `bin` for a type that is not listed."""
    return _EXTENSIONS.get(media_type, UNKNOWN)
