"""The kinds of journeys, each told from beginning to end, and how often each is made."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from uuid import UUID

from traffic import account, analyses, documents, reviews
from traffic.visitor import Visitor

LOCKED_AFTER = 5


@dataclass(frozen=True, slots=True)
class Journey:
    """weight: how often, beside the others. lasting: the user and what she made are still there afterwards."""

    name: str
    weight: int
    walk: Callable[[Visitor], Awaitable[None]]
    what: str
    lasting: bool = True


async def whole(visitor: Visitor) -> None:
    """From registering to logging out, through every feature."""
    await _arrive(visitor)
    upload, resume = await documents.upload(visitor)
    await documents.list_resumes(visitor)
    await documents.download(visitor, upload, resume)
    job = await analyses.start(visitor, upload, resume)
    await analyses.follow(visitor, job)
    await analyses.get_job(visitor, job, resume)
    await analyses.list_jobs(visitor)
    if visitor.chance.random() < 0.25:
        await analyses.cancel_and_retry(visitor, upload, resume)
    review = await reviews.create(visitor, job)
    for _ in range(visitor.chance.randint(1, 2)):
        await reviews.comment(visitor, review)
    await reviews.get_review(visitor, review)
    await reviews.export(visitor, review)
    await account.rotation(visitor)
    visitor.tokens = await account.refresh(visitor, visitor.tokens)
    await account.me(visitor)
    await everything(visitor)
    await account.log_out(visitor)


async def reader(visitor: Visitor) -> None:
    """Looks around, and finds nothing of anybody else."""
    await account.config(visitor)
    await analyses.agents(visitor)
    await _arrive(visitor)
    await nothing_of_nobody(visitor)
    await everything(visitor)
    await account.log_out(visitor)


async def remover(visitor: Visitor) -> None:
    """Uploads twice and takes one back, with all that was made of it."""
    await _arrive(visitor)
    gone, resume = await documents.upload(visitor)
    job = await analyses.start(visitor, gone, resume)
    await analyses.follow(visitor, job)
    await reviews.create(visitor, job)
    kept, resume = await documents.upload(visitor)
    await everything(visitor)
    await documents.delete_resume(visitor, gone)
    await everything(visitor)
    await documents.download(visitor, kept, resume)
    await account.log_out(visitor)


async def changer(visitor: Visitor) -> None:
    """Changes her password: every other session ends, the old password counts no more."""
    await _arrive(visitor)
    upload, _ = await documents.upload(visitor)
    other = await account.login(visitor, "log in elsewhere")
    await account.sessions(visitor)
    await account.change_password(visitor)
    await account.is_out(visitor, other, "me elsewhere after a new password")
    await account.login(visitor, "log in with a new password")
    await account.sessions(visitor)
    await account.revoke_other_session(visitor)
    await documents.get_resume(visitor, upload)
    await everything(visitor)
    await account.log_out(visitor)


async def mistaken(visitor: Visitor) -> None:
    """Mistypes her password, and then does not."""
    await account.register(visitor)
    for _ in range(visitor.chance.randint(1, LOCKED_AFTER - 1)):
        await account.login_refused(visitor, visitor.password + "!")
    await account.enter(visitor)
    await account.me(visitor)
    await account.sessions(visitor)
    await account.log_out(visitor)


async def guesser(visitor: Visitor) -> None:
    """Tries passwords for an address that nobody has, until it is locked."""
    email = visitor.person.email.replace("user-", "nobody-")
    for number in range(LOCKED_AFTER):
        await account.login_refused(visitor, f"guess-{number}", email=email)
    await account.login_locked(visitor, "guess", email=email)


async def everything(visitor: Visitor) -> None:
    """What is there is what she made, everywhere."""
    await account.sessions(visitor)
    await documents.list_resumes(visitor)
    await analyses.list_jobs(visitor)
    await reviews.list_reviews(visitor)


async def nothing_of_nobody(visitor: Visitor) -> None:
    """What does not exist is answered as what is somebody else's: 404, in the words of its kind."""
    nobody = UUID(int=visitor.chance.getrandbits(128), version=4)
    for path, kind in ((documents.RESUMES, "Resume"), (analyses.JOBS, "Job"), (reviews.REVIEWS, "Review")):
        step = f"read a {kind.lower()} of nobody"
        found = await visitor.ask_json(step, "GET", f"{path}/{nobody}", expect=404)
        visitor.check(found == {"detail": f"{kind} not found"}, "another 404 than for what is not there")


async def audit(visitor: Visitor) -> None:
    """Comes back at the end of the run: what she made is still there, and nothing more."""
    await account.enter(visitor)
    await account.me(visitor)
    await everything(visitor)
    await account.log_out(visitor)


async def _arrive(visitor: Visitor) -> None:
    await account.register(visitor)
    await account.enter(visitor)
    await account.me(visitor)
    await account.sessions(visitor)


JOURNEYS: Mapping[str, Journey] = {
    each.name: each
    for each in (
        Journey("whole", 10, whole, "uploads, analyses, reviews: through every feature"),
        Journey("reader", 4, reader, "logs in and reads; there is nothing of anybody else"),
        Journey("remover", 2, remover, "deletes a resume, with all that was made of it"),
        Journey("changer", 2, changer, "changes the password"),
        Journey("mistaken", 2, mistaken, "mistypes the password"),
        Journey("guesser", 1, guesser, "guesses passwords until the address is locked", lasting=False),
    )
}
AUDIT = Journey("audit", 0, audit, "comes back at the end")


def choose(chance: Random, among: Mapping[str, Journey]) -> Journey:
    """One of them, by weight."""
    journeys = list(among.values())
    return chance.choices(journeys, [each.weight for each in journeys])[0]
