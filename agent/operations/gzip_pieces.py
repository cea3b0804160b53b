"""A compressed file of a server, inflated piece by piece.

Owns: how much of it is read and inflated at the most. Judges no content.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from agent.transports.transport import Transport

_READ = 1 << 20
_FED = 32 << 10  # what is left over of it is copied for each of many small packed ones in a row
_PIECE = 1 << 20
_MEMBER_COSTS = 8 << 10  # of the inflated bytes: one that becomes nothing is work all the same


async def inflated(server: Transport, path: str, *, most: int, packed: int) -> AsyncIterator[bytes]:
    """The plain bytes in order, ``most`` of them out of the first ``packed`` bytes of the file:
    nobody knows how large a compressed one becomes until it has.

    Raises:
        TransportError: as ``Transport.read``.
        zlib.error: it is damaged.
    """
    machine, left, offset = zlib.decompressobj(wbits=31), most, 0
    while offset < packed:
        read = await server.read(path, offset=offset, limit=min(_READ, packed - offset))
        if not read:
            return
        offset += len(read)
        for start in range(0, len(read), _FED):
            fed = read[start : start + _FED]
            while True:
                wanted = min(_PIECE, left)
                if wanted <= 0:
                    return
                body = machine.decompress(fed, wanted)
                left -= len(body)
                if body:
                    yield body
                fed = machine.unconsumed_tail
                if machine.eof:  # a file may be several packed ones in a row
                    fed = machine.unused_data.lstrip(b"\0")
                    machine = zlib.decompressobj(wbits=31)
                    left -= _MEMBER_COSTS
                if not fed and len(body) < wanted:
                    break
