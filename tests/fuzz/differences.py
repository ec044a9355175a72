"""Where the gateway and other parsers read the same bytes otherwise: every such class by name, with the RFC's section.

A difference of no class is a finding. `docs/parser-differences.md` is made from these tables and the counts of a run.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from gateway.upstream.reply_parser import MalformedReplyError, ReplyParser
from tests.fuzz.others import Reading, h11_reply, h11_request, llhttp_request
from tests.fuzz.strict_reply import Reply

DOCUMENT = Path(__file__).parents[2] / "docs/parser-differences.md"
STRICTER, LOOSER, OTHERWISE = "refused here, taken there", "taken here, refused there", "taken by both, otherwise"


@dataclass(frozen=True)
class Why:
    section: str
    words: str


REQUESTS_REFUSED = {
    "empty-lines": Why("9112 2.2", "four empty lines before a request line are passed over; more are no robustness"),
    "bare-line-end": Why("9112 2.2", "a bare CR or LF: of two parsers in a row one would see a line, one none"),
    "control": Why("9110 5.5", "NUL and control characters in a head"),
    "request-line": Why("9112 3", "not `method SP target SP HTTP/1.x` in visible ASCII"),
    "version": Why("9110 2.5", "HTTP/0.9, 2.0 and other major versions in the syntax of 1.1: 505"),
    "target-length": Why("9110 15.5.15", "longer than `max_target_bytes`: 414"),
    "method-forbidden": Why("9110 9.3.6, 9.3.8", "CONNECT and TRACE are not served: 405"),
    "method": Why("9110 9.1", "`get`, `Post`: upstreams that fold case would disagree with our routes; 501"),
    "head-length": Why("6585 5", "larger than `max_head_bytes`: 431"),
    "many-fields": Why("6585 5", "more than `max_headers`: 431"),
    "obs-fold": Why("9112 5.2", "a folded line: refused, as the RFC lets a server do"),
    "name-space": Why("9112 5.1", "space before the colon, which a server must refuse"),
    "no-colon": Why("9112 5", "a line without a colon"),
    "field-name": Why("9110 5.1", "a name that is no token"),
    "long-name": Why("6585 5", "a name of more than 256 bytes"),
    "no-host": Why("9112 3.2", "HTTP/1.1 without Host, which must be refused"),
    "several-hosts": Why("9112 3.2", "more than one Host, which must be refused"),
    "host": Why("9112 3.2", "a Host that is no host and port, which must be refused"),
    "fragment": Why("9112 3.2", "a target with a fragment"),
    "target-form": Why("9112 3.2", "a target that is neither a path, an http address, nor `*` with OPTIONS"),
    "authority": Why("9112 3.2.2", "a target whose authority is no host and port (userinfo: 9110 4.2.4)"),
    "target-characters": Why("3986 3.3", "`<`, `>`, a quote or a backslash in a path, which no browser sends plainly"),
    "length-with-coding": Why("9112 6.3", "Content-Length beside Transfer-Encoding: what smuggling is made of"),
    "coding-in-1.0": Why("9112 6.1", "Transfer-Encoding in HTTP/1.0, whose framing must be taken as faulty"),
    "coding": Why("9112 6.3", "does not end in one chunked: the length is unknown, 400 is a must"),
    "coding-unknown": Why("9112 6.1", "a transfer coding beside chunked: 501"),
    "several-lengths": Why("9112 6.3", "Content-Length twice, even if equal: there must be no question which"),
    "length": Why("9110 8.6", "a Content-Length that is not one plain number of at most 18 digits"),
    "expectation": Why("9110 10.1.1", "an expectation other than 100-continue: 417"),
    "chunk-line": Why("9112 7.1", "a chunk's size line that is not the grammar's"),
    "chunk-end": Why("9112 7.1", "a chunk that does not end in CRLF where its size says"),
    "chunk-limit": Why("9112 7.1", "size lines, extensions or trailers longer than is read (7.1.1 asks for a limit)"),
    "trailer": Why("9112 7.1.2", "a trailer that is no field"),
}  # fmt: skip
"""By the first fault that the strict reading finds."""

REQUESTS_TAKEN = {
    "empty line first": Why("9112 2.2", "an empty line before the request line is passed over, as servers should"),
    "space around an extension": Why("9112 7.1.1", "whitespace that is to be removed; it does not go on"),
    "framing in a trailer": Why("9110 6.5.1", "trailers are checked and dropped, never read as fields"),
    "newer minor version": Why("9110 2.5", "HTTP/1.2 to 1.9 are read as 1.1; what goes on says 1.1"),
    "a method of its own": Why("9110 9.1", "llhttp knows a list of methods; any token in capitals goes on here"),
    "space after a coding": Why("9110 5.5", "whitespace around a value is no part of it; what goes on is framed anew"),
    "upgrade not served": Why("9110 7.8", "llhttp ends such a request at its head; here it is 501"),
}  # fmt: skip

REPLIES_REFUSED = {
    "status-line": Why("9112 4", "not HTTP/1.0 or 1.1, 100 to 599, and a reason without control characters"),
    "bare-line-end": Why("9112 2.2", "a bare CR or LF"),
    "control": Why("9110 5.5", "control characters in a value, which must not be passed on"),
    "no-colon": Why("9112 5", "a line without a colon"),
    "name-space": Why("9112 5.1", "space before the colon: a proxy must remove it or refuse"),
    "field-name": Why("9110 5.1", "a name that is no token"),
    "long-name": Why("9110 5.4", "a name of more than 256 bytes"),
    "many-fields": Why("9110 5.4", "more than 200 fields"),
    "head-length": Why("9110 5.4", "a head of more than 64 KiB"),
    "obs-fold": Why("9112 5.2", "a folded line: 502, as the RFC lets a proxy do"),
    "switch": Why("9110 15.2.2", "101 to a request that did not ask for it"),
    "interim": Why("9110 15.2", "more than ten interim replies"),
    "length-with-coding": Why("9112 6.3", "Content-Length beside Transfer-Encoding: an attempt at response splitting"),
    "coding-in-1.0": Why("9112 6.1", "Transfer-Encoding in HTTP/1.0"),
    "coding": Why("9112 6.3", "a Transfer-Encoding other than chunked: nothing else is decoded here"),
    "several-lengths": Why("9112 6.3", "Content-Length twice, even if equal"),
    "length": Why("9112 6.3", "a Content-Length that is no number"),
    "chunk-line": Why("9112 7.1", "a chunk's size line that is not the grammar's"),
    "chunk-end": Why("9112 7.1", "a chunk that does not end in CRLF where its size says"),
    "trailer": Why("9112 7.1.2", "a trailer that is no field"),
    "framing-trailer": Why("9110 6.5.1", "a trailer that speaks of framing"),
    "in doubt": Why("9112 7.1.1", "space around a chunk's extension, or a 1xx that speaks of framing (9110 8.6)"),
}  # fmt: skip

REPLIES_TAKEN = {
    "framing in an interim reply": Why(
        "9110 8.6", "a 1xx has no body whatever it says; its fields are not read as framing"
    ),
    "zeros before a size": Why(
        "9112 7.1", "the grammar allows any number of zeros before a chunk's size; h11 reads twenty digits"
    ),
    "odd extension": Why("9112 7.1.1", "extensions are passed over; where the chunk ends does not depend on them"),
}

_EMPTY_FIRST = re.compile(rb"\r\n")
_UPGRADE = re.compile(rb"\nupgrade:", re.IGNORECASE)
_SPACED_EXTENSION = re.compile(rb"[ \t];|;[ \t]|[ \t]=|=[ \t]")
_FRAMING_TRAILER = re.compile(
    rb"\r\n0+[^\r\n]*\r\n(?:[^\r\n]+\r\n)*(?:transfer-encoding|content-length|host):", re.IGNORECASE
)


@dataclass(frozen=True)
class Difference:
    """parser: the other one. name: the class; None where there is none, and `detail` says what was seen."""

    parser: str
    relation: str
    name: str | None
    detail: str = ""


def of_requests(data, messages):
    """All differences in one case's bytes. messages: the strict reading, which the gateway's has been held against."""
    found = []
    for message in messages:
        for parser, read in (("h11", h11_request), ("llhttp", llhttp_request)):
            reading = read(data, message.start)
            difference = _of_request(data, message, parser, reading)
            if difference is not None:
                found.append(difference)
    return found


def _of_request(data, message, parser, reading):
    refused = message.state in {"refused", "broken"} or (message.state == "partial" and message.faults)
    takes = reading.verdict == "whole" or (reading.verdict == "waits" and reading.head)
    if refused:
        if not takes:
            return None
        name = message.faults[0]
        return Difference(parser, STRICTER, name if name in REQUESTS_REFUSED else None, str(message.faults))
    text = data[message.start : message.end or len(data)]
    if message.state == "whole" and reading.verdict != "whole":
        return Difference(parser, LOOSER, _why_taken(text, message, parser, reading), reading.why or reading.verdict)
    if message.state == "partial" and reading.verdict != "whole":
        return None
    same = (message.method, message.target, message.body) == (reading.method, reading.target, reading.body)
    if message.state == "whole" and same and reading.end in {-1, message.end}:
        return None
    upgrade = parser == "llhttp" and _UPGRADE.search(text) and not reading.body
    return Difference(parser, OTHERWISE, "upgrade not served" if upgrade else None, f"{message!r} {reading!r}")


def _why_taken(text, message, parser, reading):
    """The class of a request that is taken here and not there: a property of its bytes, and what the other says."""
    if parser == "h11" and reading.why == "no request line received" and _EMPTY_FIRST.match(text):
        return "empty line first"
    chunked = message.length is None
    if chunked and "chunk" in reading.why and _SPACED_EXTENSION.search(text):
        return "space around an extension"
    if chunked and _FRAMING_TRAILER.search(text) and re.search("Content-Length|Transfer-Encoding", reading.why):
        return "framing in a trailer"
    if parser == "llhttp" and reading.why == "Invalid HTTP version" and re.search(rb"HTTP/1\.[2-9]\r", text):
        return "newer minor version"
    if (
        parser == "llhttp"
        and reading.why in {"Invalid method encountered", "Expected space after method"}
        and not reading.head
    ):
        return "a method of its own"
    if (
        parser == "llhttp"
        and "Transfer-Encoding" in reading.why
        and re.search(rb"chunked[ \t]+\r\n", text, re.IGNORECASE)
    ):
        return "space after a coding"
    return None


def our_reply(data, *, to_head, eof):
    """The gateway's own parser over the same bytes."""
    parser, found = ReplyParser(head_request=to_head), Reading()
    try:
        parser.feed(data)
        if parser.complete or (eof and parser.eof()):
            found.verdict = "whole"
    except MalformedReplyError as error:
        found.verdict, found.why = "refused", str(error)
    found.status, found.body = parser.status, b"".join(parser.pieces)
    return found


def of_replies(data, strict, *, to_head, eof):
    """The differences between the gateway's parser and h11's client. strict: the strict reading."""
    ours, theirs = our_reply(data, to_head=to_head, eof=eof), h11_reply(data, to_head=to_head, eof=eof)
    cut = "peer" in theirs.why  # not refused: only ended too soon
    takes = theirs.verdict == "whole" or (theirs.head and (theirs.verdict == "waits" or cut))
    if ours.verdict == "refused":
        name = strict.faults[0] if strict.faults else "in doubt" if strict.in_doubt else None
        return [Difference("h11", STRICTER, name if name in REPLIES_REFUSED else None, ours.why)] if takes else []
    if theirs.verdict == "refused" and not cut:
        if ours.verdict == "whole" or strict.status:
            return [Difference("h11", LOOSER, _why_reply_taken(data, strict), theirs.why)]
        return []
    same = (ours.status, ours.body) == (theirs.status, theirs.body) and theirs.end in {-1, strict.end}
    if ours.verdict == theirs.verdict == "whole" and not same:
        return [Difference("h11", OTHERWISE, None, f"{ours!r} {theirs!r}")]
    if (ours.verdict == "whole") != (theirs.verdict == "whole"):
        return [Difference("h11", OTHERWISE, None, f"{ours!r} {theirs!r}")]
    return []


def _why_reply_taken(data, strict: Reply):
    if strict.framing == "chunked" and re.search(rb"\n0{10,}[0-9a-fA-F]*[;\r \t]", data):
        return "zeros before a size"
    if strict.in_doubt and strict.interim:
        return "framing in an interim reply"
    return "odd extension" if strict.in_doubt else None


def table(counts, figures):
    """The document. counts: by (what, parser, relation, class). figures: words on the run."""
    lines = [
        "# Where parsers differ",
        "",
        "Made by `make fuzz`: the same mutated bytes, read by the gateway, by h11 and by llhttp, message by message.",
        "Each difference belongs to one of these classes; one of none fails the run. Sections are those of RFC 9110,",
        "9112, 6585 and 3986. What the gateway takes and another refuses is what to look at first: each such class is",
        "asked for by the RFC, or harmless because what goes on to an upstream is written anew, and h11 and llhttp",
        "read every request that reached an origin as exactly the one that was meant.",
        "",
        figures,
        "",
    ]
    for title, what, relations in (
        ("Requests: taken here, refused there", "request", ((LOOSER, REQUESTS_TAKEN), (OTHERWISE, REQUESTS_TAKEN))),
        ("Requests: refused here, taken there", "request", ((STRICTER, REQUESTS_REFUSED),)),
        ("Replies: taken here, refused there", "reply", ((LOOSER, REPLIES_TAKEN),)),
        ("Replies: refused here, taken there", "reply", ((STRICTER, REPLIES_REFUSED),)),
    ):
        parsers = ("h11", "llhttp") if what == "request" else ("h11",)
        lines += [f"## {title}", "", "| class | RFC | " + " | ".join(parsers) + " | why |"]
        lines += ["|---|---|" + "---:|" * len(parsers) + "---|"]
        classes = relations[0][1]
        for name, why in classes.items():
            numbers = [
                sum(counts.get((what, parser, relation, name), 0) for relation, _ in relations) for parser in parsers
            ]
            cells = " | ".join(f"{number:,}" for number in numbers)
            lines.append(f"| {name} | {why.section} | {cells} | {why.words} |")
        lines.append("")
    return "\n".join(lines)
