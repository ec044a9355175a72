"""JUnit's XML as CI servers read it: suites of cases, each good, failed or skipped. Every report uses this one."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.telemetry.redact import clean_text

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Case:
    """failure: lines, of which the first is the message; none for a case that is good. skipped: why."""

    classname: str
    name: str
    file: str | None = None
    seconds: float | None = None
    failure: Sequence[str] = ()
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """told: the verdict in a sentence."""

    name: str
    cases: Sequence[Case]
    seconds: float
    told: str


def junit(name: str, suites: Sequence[Suite]) -> bytes:
    """The whole document."""
    root = ET.Element("testsuites", name=name)
    for suite in suites:
        element = ET.SubElement(
            root,
            "testsuite",
            {
                "name": suite.name,
                "tests": str(len(suite.cases)),
                "failures": str(sum(bool(case.failure) for case in suite.cases)),
                "errors": "0",
                "skipped": str(sum(case.skipped is not None for case in suite.cases)),
                "time": f"{suite.seconds:.3f}",
            },
        )
        element.extend(map(_case, suite.cases))
        ET.SubElement(element, "system-out").text = _xml(suite.told)
    ET.indent(root)
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _case(case: Case) -> ET.Element:
    attributes = {"classname": _xml(case.classname), "name": _xml(case.name)}
    if case.file is not None:
        attributes["file"] = case.file
    element = ET.Element("testcase", {**attributes, "time": f"{case.seconds or 0:.3f}"})
    if case.failure:
        told = ET.SubElement(element, "failure", message=_xml(case.failure[0]), type="difference")
        told.text = _xml("\n".join(case.failure), one_line=False)
    if case.skipped is not None:
        ET.SubElement(element, "skipped", message=_xml(case.skipped))
    return element


def _xml(text: str, *, one_line: bool = True) -> str:
    """What XML 1.0 can hold: it has no way to write most control characters, not even escaped."""
    return _NO_XML.sub("\ufffd", clean_text(text, one_line=one_line))
