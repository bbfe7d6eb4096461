"""The box around a path of a PDF's content, and its length, as it is constructed.

ISO 32000-2, 8.5.2. Takes places in the content's units.
"""


class Path:
    """left, bottom, right, top: of the box around all points, if there are any.

    length: of all segments, each as far as it goes level and upright. segments: how many. is_box:
    whether the path is one level box.
    """

    __slots__ = ("bottom", "is_box", "left", "length", "right", "segments", "top", "x", "y")

    def __init__(self) -> None:
        self.left = self.bottom = float("inf")
        self.right = self.top = float("-inf")
        self.x = self.y = self.length = 0.0
        self.segments = 0
        self.is_box = True

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the box around all points."""
        if self.left > self.right:
            return 0.0, 0.0
        return self.right - self.left, self.top - self.bottom

    def move(self, x: float, y: float) -> None:
        """`m`."""
        self.x, self.y = x, y
        if x < self.left:
            self.left = x
        if x > self.right:
            self.right = x
        if y < self.bottom:
            self.bottom = y
        if y > self.top:
            self.top = y

    def draw(self, *places: float) -> None:
        """A line, or a curve, which stays within what its points enclose."""
        self.is_box = False
        self.segments += 1
        for at in range(0, len(places), 2):
            x, y = places[at], places[at + 1]
            self.length += abs(x - self.x) + abs(y - self.y)
            self.move(x, y)

    def box(self, x: float, y: float, width: float, height: float) -> None:
        """`re`."""
        self.is_box = self.is_box and self.segments == 0
        self.segments += 4
        self.length += 2 * (abs(width) + abs(height))
        self.move(x + width, y + height)
        self.move(x, y)
