"""Undoing gzip under a limit, so that a small body cannot become a huge one."""

import zlib

from workbench.core.door.limits import Limits
from workbench.core.errors import Invalid, TooLarge, Unsupported

STEP_BYTES = 65_536
MAX_RATIO = 100


def inflate(body: bytes, *, encoding: str, limits: Limits) -> bytes:
    """The raw bytes of ``body``.

    Raises:
        TooLarge: past ``max_raw_bytes``, or past 100:1 after 64 KiB.
        Invalid: for a cut stream, trailing bytes or a second member.
        Unsupported: for another encoding than gzip or identity.
    """
    if encoding in {"", "identity"}:
        if len(body) > limits.max_raw_bytes:
            message = f"the body is larger than {limits.max_raw_bytes} bytes"
            raise TooLarge(message)
        return body
    if encoding != "gzip":
        message = "only gzip or no content encoding is taken"
        raise Unsupported(message)
    return _gunzip(body, limits=limits)


def _gunzip(body: bytes, *, limits: Limits) -> bytes:
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    parts: list[bytes] = []
    size, rest = 0, body
    try:
        while rest and not stream.eof:
            part = stream.decompress(rest, STEP_BYTES)
            rest = stream.unconsumed_tail
            size += len(part)
            parts.append(part)
            over_ratio = size > STEP_BYTES and size > MAX_RATIO * len(body)
            if size > limits.max_raw_bytes or over_ratio:
                message = "the body inflates beyond its limit"
                raise TooLarge(message)
    except zlib.error:
        message = "the body is not valid gzip"
        raise Invalid(message) from None
    if not stream.eof:
        message = "the gzip stream is cut short"
        raise Invalid(message)
    if stream.unused_data:
        message = "bytes follow the gzip stream"
        raise Invalid(message)
    return b"".join(parts)
