"""Resumes that nobody else has: made of the user's own words, as text, Markdown or PDF, the same for the same dice."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from traffic.pdf import pdf_of
from traffic.people import Person

SKILLS = ("Python", "PostgreSQL", "Redis", "Docker", "Kubernetes", "Linux", "Terraform", "TypeScript", "React", "SQL")
ROLES = ("Engineer", "Senior Engineer", "Platform Lead", "Data Analyst", "Site Reliability Engineer", "Consultant")
PLACES = ("Meridian Rail", "Halden Pharma", "Kestrel Mutual", "Northgate Press", "Orchard Foods", "Solace Energy")
DEEDS = (
    "moved the billing of {n} shops to a new ledger without an hour of downtime",
    "cut the nightly run from {n} minutes to nine by reading each file once",
    "wrote the handbook that {n} colleagues still use when they are on call",
    "answered {n} tickets in the first winter and closed the causes of most of them",
    "taught {n} people to read a query plan before they add an index",
)
LARGE_BYTES = 200 * 1024
LARGE_SHARE = 0.05
"""How many text resumes are long ones, which go through the gateway in many pieces."""


@dataclass(frozen=True, slots=True)
class Resume:
    """A file to upload. content_type: what the application must find it to be. words: about how many are in it."""

    filename: str
    content_type: str
    content: bytes
    skills: tuple[str, ...]
    words: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def resume_of(chance: Random, person: Person) -> Resume:
    """One of the three kinds by chance; no two calls with one user's dice give the same bytes."""
    skills = tuple(chance.sample(SKILLS, chance.randint(3, 6)))
    lines = _lines(chance, person, skills)
    kind = chance.choice(("txt", "md", "pdf"))
    name = f"{person.name.split()[0]} {chance.choice(('CV', 'resume', 'Lebenslauf'))} {chance.randint(1, 99)}.{kind}"
    if kind != "pdf" and chance.random() < LARGE_SHARE:
        lines += _long(chance)
    words = len(" ".join(lines).split())
    if kind == "pdf":
        return Resume(name, "application/pdf", pdf_of(lines), skills, words)
    if kind == "md":
        text = "\n".join(_markdown(line) for line in lines)
        return Resume(name, "text/markdown", text.encode(), skills, words)
    return Resume(name, "text/plain", "\n".join(lines).encode(), skills, words)


def job_text_of(chance: Random, skills: Sequence[str]) -> str:
    """An advertisement that asks for some of these skills and for others."""
    asked = [*chance.sample(list(skills), 2), *chance.sample(SKILLS, 2)]
    return f"We look for a {chance.choice(ROLES)} with {', '.join(asked)}.\nYou write clearly and like to be on call."


def _lines(chance: Random, person: Person, skills: Sequence[str]) -> list[str]:
    """Headings are in capitals."""
    year = chance.randint(2008, 2014)
    lines = [
        person.name,
        f"{person.email} | +49 30 {chance.randint(1000000, 9999999)} | https://example.com/{person.number}",
        *("", "SUMMARY", f"{chance.choice(ROLES)} who {_deed(chance)}."),
        *("", "EXPERIENCE"),
    ]
    for _ in range(chance.randint(2, 4)):
        until = year + chance.randint(1, 3)
        lines += [f"{chance.choice(ROLES)}, {chance.choice(PLACES)}, 03/{year} - 02/{until}"]
        lines += [f"- {_deed(chance).capitalize()}." for _ in range(chance.randint(2, 4))]
        year = until
    lines += ["", "EDUCATION", f"BSc Mathematics, University of {chance.choice(PLACES).split()[0]}, {year - 10}"]
    return [*lines, "", "SKILLS", ", ".join(skills), f"Reference {chance.getrandbits(64):016x}", ""]


def _long(chance: Random) -> list[str]:
    lines, size = ["PROJECTS"], 0
    while size < LARGE_BYTES:
        lines.append(f"- {_deed(chance).capitalize()}.")
        size += len(lines[-1]) + 1
    return [*lines, ""]


def _deed(chance: Random) -> str:
    return chance.choice(DEEDS).format(n=chance.randint(11, 4999))


def _markdown(line: str) -> str:
    return f"## {line.capitalize()}" if line.isupper() else line
