"""Which lines of a resume are headings, and of what. `sections` asks.

People write `## Experience`, `EXPERIENCE`, `Work experience:`, `E D U C A T I O N` or underline it; text from a PDF has
lost the large print, so that a line which is nothing but a known name counts as well.
"""

import re
from dataclasses import dataclass

NAMES = {
    "summary": "profile, professional profile, career profile, about, about me, objective, career objective, overview, "
    "executive summary, career summary, summary of qualifications, highlights, profil, zusammenfassung, über mich",
    "experience": "work experience, employment, employment history, work history, career history, career, "
    "professional background, work, positions, internships, berufserfahrung, beruflicher werdegang, praktika",
    "education": "academic background, academic history, studies, training, qualifications, academic qualifications, "
    "education and training, ausbildung, bildung, studium, schulbildung",
    "skills": "competencies, competences, technologies, tech stack, expertise, areas of expertise, tools, "
    "proficiencies, skill set, skillset, technical proficiencies, programming languages, kenntnisse, fähigkeiten, "
    "it-kenntnisse",
    "projects": "side projects, open source, open source projects, open-source projects, portfolio, projekte",
    "certifications": "certificates, certification, licenses, licences, courses, zertifikate, zertifizierungen, "
    "weiterbildung",
    "languages": "language skills, spoken languages, foreign languages, sprachen, sprachkenntnisse",
    "publications": "papers, talks, presentations, patents, research, conferences, publikationen, veröffentlichungen",
    "awards": "honors, honours, achievements, accomplishments, scholarships, prizes, auszeichnungen",
    "references": "references available on request, references available upon request, referees, referenzen",
    "contact": "contact information, contact details, contacts, personal details, personal information, personal data, "
    "kontakt, kontaktdaten, persönliche daten",
    "interests": "hobbies, activities, extracurricular activities, leisure, interessen",
    "volunteering": "volunteer work, volunteer experience, volunteering experience, community service, ehrenamt",
}
"""The names that a section is reported under, and what else people call it."""

_QUALIFIERS = {"additional", "core", "key", "main", "my", "other", "personal", "professional", "relevant", "selected"}
_QUALIFIERS |= {"academic", "hard", "industry", "it", "recent", "soft", "technical"}
_CANONICAL = {alias.strip(): name for name, aliases in NAMES.items() for alias in (name, *aliases.split(","))}
_DECORATION = " \t*_#:=~|.,•·●▪■◆►▶\u2013—─═-"
_MARKDOWN = re.compile(r"(#{1,6})\s")
_UNDERLINE = re.compile(r"\s{0,8}(?:={3,99}|-{3,99}|_{3,99}|~{3,99}|\*{3,99}|─{3,99}|═{3,99})\s{0,8}")
_NUMBER = re.compile(r"\d{1,2}[.)]\s{1,4}")
_SPACED = re.compile(r"\w(?: \w){2,40}(?: {2,4}\w(?: \w){1,40}){0,4}")
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Heading:
    """`name` is None for a heading of something we do not know, which we see in Markdown alone, or underlined. `level`
    is Markdown's; 0 for all that have none. `rest` is what follows `Name:` in the same line.
    """

    name: str | None
    level: int = 0
    underlined: bool = False
    rest: str = ""


def heading_of(line: str, following: str) -> Heading | None:
    """What the line is the heading of, if it is one; `following` is the next line, which may underline it."""
    if not line.strip() or len(line) > _LONGEST:
        return _inline(line)
    markdown = _MARKDOWN.match(line.lstrip())
    underlined = markdown is None and len(following) <= 120 and _UNDERLINE.fullmatch(following) is not None
    level = len(markdown[1]) if markdown else (2 if following.lstrip()[0] == "-" else 1) if underlined else 0
    name = _name_of(line)
    if name is None:
        return Heading(None, level, underlined=underlined) if level else _inline(line)
    first = line.strip(_DECORATION)[:1]
    return None if first.islower() and not level else Heading(name, level, underlined=underlined)


def _inline(line: str) -> Heading | None:
    """`Skills: Python, SQL`, and not as an item of a list."""
    title, colon, rest = line[: _LONGEST // 2].partition(":")
    if not colon or not title.lstrip("*_")[:1].isupper() or (name := _name_of(title)) is None:
        return None
    return Heading(name, rest=rest + line[_LONGEST // 2 :])


def _name_of(title: str) -> str | None:
    title = _NUMBER.sub("", title.strip(_DECORATION), count=1)
    if _SPACED.fullmatch(title):
        title = " ".join(word.replace(" ", "") for word in re.split(r" {2,4}", title))
    words = title.casefold().replace("&", " and ").replace("+", " and ").replace("/", " and ").split()
    return _lookup(words) or _first_of_several(words)


def _lookup(words: list[str]) -> str | None:
    """With the qualifiers in front, and without them."""
    while words:
        if name := _CANONICAL.get(" ".join(words)):
            return name
        if words[0] not in _QUALIFIERS:
            return None
        words = words[1:]
    return None


def _first_of_several(words: list[str]) -> str | None:
    """`Education and certifications` is where education stands."""
    parts = " ".join(words).replace(", ", " and ").split(" and ")
    names = [_lookup(part.split()) for part in parts]
    return names[0] if all(names) else None
