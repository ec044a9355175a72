"""Replies as RFC 9112 writes them, read a second time: of upstreams, and of the gateway itself as its clients see them.

Written from the grammar, with nothing of the gateway's in it. What it decides where RFCs leave a choice to a proxy (two
framings at once, codings that it does not know) is what a careful proxy must: to refuse.
"""

import re
from dataclasses import dataclass, field

from tests.fuzz.strict_request import TOKEN, WELL_FORMED_CHUNK_LINE

_status_line = re.compile(rb"HTTP/1\.([0-9]) ([1-5][0-9][0-9])(?: [\t -~\x80-\xff]*)?")
_field = re.compile(rb"(" + TOKEN + rb"):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_chunk_line = re.compile(rb"([0-9a-fA-F]+)([ \t]*(?:;[\t -~\x80-\xff]*)?)")
_chunk_beginning = re.compile(rb"(?:[0-9a-fA-F]{1,15}\r?)?")
MAX_NAME, MAX_LENGTH_DIGITS = 256, 18
_FRAMING = {b"content-length", b"transfer-encoding"}


@dataclass
class Reply:
    """The final reply as far as it goes. state: whole, malformed, partial (more must come) or open (ends with the
    connection). faults: what is wrong, by names. surplus: bytes that follow its end. interim: statuses before it.
    in_doubt: a careful reader may refuse it or not, for where it ends does not depend on it: what follows a chunk's
    size is not as the grammar has it, or holds the whitespace that the grammar calls bad; a 1xx speaks of framing.
    """

    state: str = "partial"
    faults: list = field(default_factory=list)
    interim: list = field(default_factory=list)
    minor: int = 1
    status: int = 0
    fields: list = field(default_factory=list)
    length: int | None = None
    body: bytes = b""
    end: int = 0
    surplus: int = 0
    framing: str = "none"
    in_doubt: bool = False

    def values(self, name):
        return [value for each, value in self.fields if each == name]

    @property
    def persists(self):
        """RFC 9112 section 9.3."""
        options = {option.strip(b" \t").lower() for v in self.values(b"connection") for option in v.split(b",")}
        kept = b"close" not in options and (self.minor > 0 or b"keep-alive" in options)
        return kept and self.framing != "close"


def read_reply(data, *, to_head=False, at=0, max_head=65_536, max_interim=10, max_fields=200):
    """The reply that begins there. Of a malformed one the body holds what came before the fault."""
    reply = Reply()
    while True:
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            _check_beginning(reply, data[at:], max_head)
            return reply
        current = Reply(interim=reply.interim, in_doubt=reply.in_doubt)
        _read_head(current, data[at:end].split(b"\r\n"), max_fields)
        if end + 4 - at > max_head:
            current.faults.append("head-length")
        if current.faults:
            current.state = "malformed"
            return current
        at = end + 4
        if current.status >= 200:
            break
        reply.interim.append(current.status)
        reply.in_doubt = reply.in_doubt or any(name in _FRAMING for name, _ in current.fields)
        if current.status == 101 or len(reply.interim) > max_interim:
            reply.state, reply.faults = "malformed", ["switch" if current.status == 101 else "interim"]
            return reply
    _frame(current, to_head=to_head)
    if current.faults:
        current.state = "malformed"
    else:
        _read_body(current, data, at)
    return current


def _check_beginning(reply, text, max_head):
    if not b"HTTP/1.".startswith(text[:7]):
        reply.faults.append("status-line")
    if re.search(rb"(?<!\r)\n", text):
        reply.faults.append("bare-line-end")
    if len(text) > max_head:
        reply.faults.append("head-length")
    if reply.faults:
        reply.state = "malformed"


def _read_head(reply, lines, max_fields):
    found = _status_line.fullmatch(lines[0])
    if found is None:
        reply.faults.append("status-line")
        return
    reply.minor, reply.status = min(int(found[1]), 1), int(found[2])
    if len(lines) - 1 > max_fields:
        reply.faults.append("many-fields")
    for line in lines[1:]:
        each = _field.fullmatch(line)
        if each is None:
            reply.faults.append(_fault_of_field(line))
        elif len(each[1]) > MAX_NAME:
            reply.faults.append("long-name")
        else:
            reply.fields.append((each[1].lower(), each[2]))


def _fault_of_field(line):
    if line[:1] in {b" ", b"\t"}:
        return "obs-fold"
    if b"\n" in line or b"\r" in line:
        return "bare-line-end"
    name, colon, _ = line.partition(b":")
    if not colon:
        return "no-colon"
    if name[-1:] in {b" ", b"\t"}:
        return "name-space"
    return "control" if re.fullmatch(TOKEN, name) else "field-name"


def _frame(reply, *, to_head):
    lengths, codings = reply.values(b"content-length"), reply.values(b"transfer-encoding")
    if lengths and codings:
        reply.faults.append("length-with-coding")
    if codings and not reply.minor:
        reply.faults.append("coding-in-1.0")
    if codings and [value.lower() for value in codings] != [b"chunked"]:
        reply.faults.append("coding")
    if len(lengths) > 1:
        reply.faults.append("several-lengths")
    elif lengths and (not re.fullmatch(rb"[0-9]+", lengths[0]) or len(lengths[0]) > MAX_LENGTH_DIGITS):
        reply.faults.append("length")
    elif lengths:
        reply.length = int(lengths[0])
    if to_head or reply.status in {204, 304}:
        reply.framing = "none"
    elif codings:
        reply.framing = "chunked"
    else:
        reply.framing = "counted" if lengths else "close"


def _read_body(reply, data, at):
    if reply.framing == "close":
        reply.state, reply.body, reply.end = "open", data[at:], len(data)
    elif reply.framing == "chunked":
        _read_chunks(reply, data, at)
    else:
        length = reply.length if reply.framing == "counted" else 0
        reply.body, reply.end = data[at : at + length], at + length
        if len(data) >= reply.end:
            reply.state = "whole"
    if reply.state == "whole":
        reply.surplus = len(data) - reply.end


def _read_chunks(reply, data, at):
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            reply.in_doubt = reply.in_doubt or not _chunk_beginning.fullmatch(data[at:])
            return
        found = _chunk_line.fullmatch(data[at : end - 1]) if data[end - 1 : end] == b"\r" else None
        if found is None or int(found[1], 16) >= 2**64:
            reply.state, reply.faults = "malformed", ["chunk-line"]
            return
        well = WELL_FORMED_CHUNK_LINE.fullmatch(found[0]) and not re.search(rb"[ \t]", found[2])
        reply.in_doubt = reply.in_doubt or not well
        size, at = int(found[1], 16), end + 1
        if not size:
            _read_trailers(reply, data, at)
            return
        reply.body += data[at : at + size]
        at += size
        if not b"\r\n".startswith(data[at : at + 2]):
            reply.state, reply.faults = "malformed", ["chunk-end"]
            return
        if len(data) < at + 2:
            return
        at += 2


def _read_trailers(reply, data, at):
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            reply.in_doubt = True  # whatever a reader can say before the line has ended
            return
        line, at = data[at : end + 1], end + 1
        if line == b"\r\n":
            reply.state, reply.end = "whole", at
            return
        each = _field.fullmatch(line[:-2]) if line.endswith(b"\r\n") else None
        if each is None or each[1].lower() in _FRAMING or len(each[1]) > MAX_NAME:
            framing = each is not None and each[1].lower() in _FRAMING
            reply.state, reply.faults = "malformed", ["framing-trailer" if framing else "trailer"]
            return
