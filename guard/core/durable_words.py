"""What the audit role says to those who wait for it, as bytes.

`DURABLE` is for the tail of a lane: how many of its packets are on disk, the ledger's size and root
(32 bytes), and on the source side the last sequence that the ledger has as sent. `HEARD` is for the
others: how many of theirs are. Big-endian.
"""

import struct

DURABLE = struct.Struct(">QQ32sQ")
HEARD = struct.Struct(">Q")
