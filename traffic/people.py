"""Who the users are. Everything of them follows from the run's seed and their number, but for the address's tag."""

from dataclasses import dataclass, field
from random import Random

FIRST = (
    "Ada",
    "Barbara",
    "Chidi",
    "Dolores",
    "Edsger",
    "Frances",
    "Grace",
    "Hedy",
    "Ines",
    "Jörg",
    "Katherine",
    "Lynn",
)
LAST = (
    "Abara",
    "Brandt",
    "Castellanos",
    "Dahl",
    "Eriksen",
    "Fofana",
    "Grünwald",
    "Hopper",
    "Ito",
    "Jensen",
    "Kowalska",
)
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
)


@dataclass(frozen=True, slots=True)
class Person:
    """One user. agent: her browser's name, her own among all, so that her sessions can be told from others'."""

    number: int
    name: str
    email: str
    agent: str
    password: str = field(repr=False)


def chance_of(seed: int, number: int) -> Random:
    """The dice of one user: the same for the same seed, whatever the other users do meanwhile."""
    return Random(f"{seed}/{number}")  # noqa: S311  # behaviour, no secret


def person(chance: Random, number: int, *, tag: str) -> Person:
    """tag: of the run, so that two runs over one database have different users."""
    name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
    return Person(
        number=number,
        name=name,
        email=f"user-{number}.{tag}@traffic.example.com",
        agent=f"{chance.choice(AGENTS)} traffic/{tag}-{number}",
        password=f"{chance.getrandbits(64):016x} Horse-Staple",
    )
