"""A resume cut at its headings. The analysis asks first, for all else is looked for in a section, or outside of one."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from resumekit.headings import Heading, heading_of
from resumekit.results import Section
from resumekit.words import count_words

EXPECTED = ("summary", "experience", "education", "skills")
"""What a reader looks for in any resume."""


@dataclass(slots=True)
class Part:
    """A piece of a resume under one heading. `name` is None before the first one, and under one that we do not know."""

    name: str | None
    level: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def parts_of(text: str) -> list[Part]:
    """The whole text but for its headings, in order. A section that is continued later is two parts of one name."""
    parts = [Part(None)]
    for line, heading in _read(text.split("\n")):
        if heading is None:
            parts[-1].lines.append(line)
        elif heading.rest:
            _put_inline(parts, line, heading)
        elif heading.name or heading.level <= parts[-1].level:
            parts.append(Part(heading.name, heading.level))
        else:  # the name of an employer under "Experience", for instance
            parts[-1].lines.append(line)
    return parts


def sections_of(parts: list[Part]) -> list[Section]:
    """How many words stand under each name, in the order in which the names come first."""
    words: dict[str, int] = {}
    for part in parts:
        if part.name:
            words[part.name] = words.get(part.name, 0) + count_words(part.text)
    return [Section(name=name, words=count) for name, count in words.items()]


def missing_of(sections: list[Section]) -> list[str]:
    """Of what is expected, what has no heading."""
    found = {section.name for section in sections}
    return [name for name in EXPECTED if name not in found]


def text_under(parts: list[Part], *names: str) -> str:
    """All that stands under these names."""
    return "\n".join(part.text for part in parts if part.name in names)


def text_outside(parts: list[Part], *names: str) -> str:
    """All that stands elsewhere."""
    return "\n".join(part.text for part in parts if part.name not in names)


def _read(lines: list[str]) -> Iterator[tuple[str, Heading | None]]:
    """Each line, and the heading that it is; the lines that underline headings are left out."""
    underline = False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if underline:
            underline = False
            continue
        heading = heading_of(line, following)
        underline = heading is not None and heading.underlined
        yield line, heading


def _put_inline(parts: list[Part], line: str, heading: Heading) -> None:
    """`Skills: Python` is a section of one line within another one, and begins one where none has begun.
    `Languages: Python` among the skills is neither.
    """
    around = parts[-1]
    if around.name == "skills" and heading.name == "languages":
        around.lines.append(line)
        return
    parts.append(Part(heading.name, lines=[heading.rest]))
    if around.name:
        parts.append(Part(around.name, around.level))
