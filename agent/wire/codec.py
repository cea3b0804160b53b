"""Frames to JSON text and back.

Owns: the size limit of a frame and what counts as a well-formed one: no duplicate keys, no
unknown fields, no value of another type than its own, no number and no character that cannot be
kept. Does no I/O and knows no session.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent.wire.messages import Envelope, Frame, Message

MAX_FRAME_BYTES = 4 * 1024 * 1024
_LONGEST_NUMBER = 40  # digits; two 64-bit numbers of a server multiplied have 39
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # as JSON writes it, and no backslash before

_FRAMES: TypeAdapter[Frame] = TypeAdapter(Frame)


class CodecError(Exception):
    """The bytes are not a frame, or the frame is too large. The message quotes no content."""


def encode(frame: Frame) -> str:
    """The frame as JSON text.

    Raises:
        CodecError: it is larger than ``MAX_FRAME_BYTES``.
    """
    body = _FRAMES.dump_json(frame)
    if len(body) > MAX_FRAME_BYTES:
        raise CodecError(f"a {frame.kind} frame of {len(body)} bytes is too large")
    return body.decode()


def decode(text: str | bytes) -> Frame:
    """The frame that ``text`` (UTF-8 where bytes) holds.

    Raises:
        CodecError: it is too large, not JSON, repeats a key, or is no frame of the closed set.
    """
    try:
        body = text.encode() if isinstance(text, str) else text
        if len(body) > MAX_FRAME_BYTES:
            raise CodecError(f"a frame of {len(body)} bytes is too large")
        if _NUL.search(body):  # PostgreSQL reads no JSON value of a table in which one has it
            raise CodecError("a text has the character that no database keeps")
        # Two parsers that read a repeated key differently would see two different orders.
        json.loads(
            body,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_countable,
            parse_float=_finite,
        )
        return _FRAMES.validate_json(body, strict=True)
    except ValidationError as error:
        raise CodecError(f"no frame of ours: {_places(error)}") from None
    except (ValueError, RecursionError) as error:
        raise CodecError("not well-formed JSON") from error


def fits(message: Message) -> bool:
    """Whether the message can be sent at all."""
    try:
        body = encode(Envelope(seq=2**53, ack=2**53, message=message))
    except CodecError:
        return False
    return _NUL.search(body.encode()) is None  # the other end would refuse it again and again


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise CodecError("a key is given twice")


def _no_constant(name: str) -> None:
    raise CodecError(f"{name} is no JSON number")


def _countable(digits: str) -> None:
    # What is larger is no float, and whoever shows it would fall over it.
    if len(digits) > _LONGEST_NUMBER:
        raise CodecError("a number is too large")


def _finite(digits: str) -> None:
    if not math.isfinite(float(digits)):  # 1e309 is JSON, and infinite
        raise CodecError("a number is too large")


def _places(error: ValidationError) -> str:
    # Type and place only: values may be secrets.
    first = error.errors(include_url=False, include_context=False, include_input=False)[:3]
    return "; ".join(f"{'.'.join(map(str, item['loc']))} ({item['type']})" for item in first)
