"""How the person behind a resume can be reached: whether it says so, never what it says."""

import re

from resumekit.results import Contacts

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}+@[^\W_](?:[\w-]{0,62}+\.){1,4}[^\W\d_]{2,24}+(?![\w-])")
LINK = re.compile(
    r"(?<![\w@.])(?:https?://|www\.|(?:[a-z]{2,3}\.)?"
    r"(?:linkedin|github|gitlab|bitbucket|xing|stackoverflow|behance|dribbble|medium|kaggle|twitter|x)\.com/)"
    r"[^\s<>()\[\]\"']{1,300}+",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w/.,@-])(?:\+\s?)?\(?\d[\d ()/.-]{5,24}\d(?![\w@])")
_LABEL = re.compile(r"(?:tel|phone|fon|mobile|mobil|mob|cell|handy|call|☎|📞|✆)\W{0,6}$", re.IGNORECASE)
_DIGITS = re.compile(r"\d{1,26}")


def contacts_of(text: str) -> Contacts:
    """Links are counted once each, whatever their case."""
    links = {match.group().rstrip(".,;:!?/").casefold() for match in LINK.finditer(text)}
    return Contacts(email=EMAIL.search(text) is not None, phone=_has_phone(text), links=len(links))


def _has_phone(text: str) -> bool:
    return any(
        _is_phone(match.group(), labelled=_LABEL.search(text[max(0, match.start() - 16) : match.start()]) is not None)
        for match in _NUMBER.finditer(text)
    )


def _is_phone(number: str, *, labelled: bool) -> bool:
    """A number is one when it is called so, is international, or has the shape of a national one; two years with a
    dash between them have as many digits.
    """
    groups = _DIGITS.findall(number)
    digits = "".join(groups)
    if not 7 <= len(digits) <= 15:
        return False
    if labelled or number.startswith("+") or digits.startswith("00"):
        return True
    if any(len(group) == 4 and group[:2] in {"19", "20"} for group in groups[:-1]):
        return False
    national = digits.startswith("0") and len(digits) >= 9 and not _ends_in_year(groups)
    return national or [len(group) for group in groups[-3:]] == [3, 3, 4]


def _ends_in_year(groups: list[str]) -> bool:
    return len(groups) > 2 and len(groups[-1]) == 4 and groups[-1][:2] in {"19", "20"} and len(groups[-2]) == 2
