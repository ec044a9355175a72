"""Steps of the feature `auth`: who one is, and that a session lives exactly as long as it must."""

from typing import Any

from traffic.ledger import agree, compare_sessions
from traffic.visitor import Tokens, Visitor, among

AUTH = "/api/v1/auth"
USER = ("id", "email", "name", "created_at")
NOBODY = Tokens("", "")


async def register(visitor: Visitor) -> None:
    person = visitor.person
    content = {"email": person.email, "password": visitor.password, "name": person.name}
    user = await visitor.ask_json("register", "POST", f"{AUTH}/register", expect=201, json=content)
    _check_user(visitor, user)


async def login(visitor: Visitor, step: str = "log in") -> Tokens:
    """A new session; the visitor goes on in the one that she had."""
    content = {"email": visitor.person.email, "password": visitor.password}
    found = await visitor.ask_json(step, "POST", f"{AUTH}/login", json=content, tokens=NOBODY)
    visitor.ledger.sessions += 1
    return _tokens(visitor, found)


async def enter(visitor: Visitor) -> None:
    """Logs in and uses that session from now on."""
    visitor.tokens = await login(visitor)


async def login_refused(visitor: Visitor, password: str, *, email: str | None = None) -> None:
    """A wrong address and a wrong password are answered alike."""
    content = {"email": email or visitor.person.email, "password": password}
    found = await visitor.ask_json("log in wrongly", "POST", f"{AUTH}/login", expect=401, json=content, tokens=NOBODY)
    visitor.check(found == {"detail": "Invalid email or password"}, "another 401 than for a wrong password")


async def login_locked(visitor: Visitor, password: str, *, email: str) -> None:
    content = {"email": email, "password": password}
    answer = await visitor.ask("log in while locked", "POST", f"{AUTH}/login", expect=429, json=content, tokens=NOBODY)
    after = answer.header("retry-after")
    visitor.check(after.isdigit() and int(after) > 0, "a lock without Retry-After")


async def me(visitor: Visitor) -> None:
    _check_user(visitor, await visitor.ask_json("me", "GET", f"{AUTH}/me"))


async def is_out(visitor: Visitor, tokens: Tokens, step: str) -> None:
    """An access token counts no more."""
    await visitor.ask(step, "GET", f"{AUTH}/me", expect=401, tokens=tokens)


async def sessions(visitor: Visitor) -> None:
    """Exactly those that are alive, one of them the current."""
    found = await visitor.ask_json("sessions", "GET", f"{AUTH}/sessions")
    with visitor.judging():
        compare_sessions(visitor.ledger.sessions, visitor.person.agent, found.get("sessions"))


async def revoke_other_session(visitor: Visitor) -> None:
    """Ends a session that is not the current one, from here."""
    found = await visitor.ask_json("sessions", "GET", f"{AUTH}/sessions")
    other = next((row["id"] for row in found["sessions"] if not row["current"]), None)
    visitor.check(other is not None, "a session is lost")
    await visitor.ask("revoke a session", "DELETE", f"{AUTH}/sessions/{other}", expect=204)
    visitor.ledger.sessions -= 1


async def refresh(visitor: Visitor, tokens: Tokens) -> Tokens:
    """The next tokens of the same session."""
    found = await visitor.ask_json(
        "refresh", "POST", f"{AUTH}/refresh", json={"refresh_token": tokens.refresh}, tokens=NOBODY
    )
    fresh = _tokens(visitor, found)
    visitor.check(fresh.refresh != tokens.refresh, "the refresh token was not rotated")
    return fresh


async def refresh_refused(visitor: Visitor, tokens: Tokens, step: str) -> None:
    await visitor.ask(
        step, "POST", f"{AUTH}/refresh", expect=401, json={"refresh_token": tokens.refresh}, tokens=NOBODY
    )


async def rotation(visitor: Visitor) -> None:
    """In a second session, for it does not survive: a refresh token that comes twice ends its whole family."""
    first = await login(visitor, "log in again")
    second = await refresh(visitor, first)
    await refresh_refused(visitor, first, "refresh with a used token")
    visitor.ledger.sessions -= 1
    await refresh_refused(visitor, second, "refresh after a reuse")
    await is_out(visitor, second, "me after a reuse")


async def change_password(visitor: Visitor) -> None:
    """All other sessions end with it. The old password counts no more."""
    old, new = visitor.password, f"{visitor.chance.getrandbits(64):016x} Battery-Correct"
    visitor.keep_password(new)
    wrong = {"current_password": old + "?", "new_password": new}
    found = await visitor.ask_json("password, wrongly", "POST", f"{AUTH}/password", expect=403, json=wrong)
    visitor.check(found == {"detail": "Current password is wrong"}, "another 403 than for a wrong password")
    await visitor.ask(
        *("password", "POST", f"{AUTH}/password"), expect=204, json={"current_password": old, "new_password": new}
    )
    visitor.ledger.sessions = 1
    await login_refused(visitor, old)


async def log_out(visitor: Visitor) -> None:
    """Neither of the session's tokens counts afterwards."""
    tokens = visitor.tokens
    await visitor.ask("log out", "POST", f"{AUTH}/logout", expect=204, json={"refresh_token": tokens.refresh})
    visitor.ledger.sessions -= 1
    await is_out(visitor, tokens, "me after logging out")
    await refresh_refused(visitor, tokens, "refresh after logging out")
    visitor.tokens = NOBODY


async def config(visitor: Visitor) -> None:
    found = await visitor.ask_json("config", "GET", f"{AUTH}/config")
    visitor.check(among(found, ("password_min_length", "access_token_seconds")), "config is another")


def _check_user(visitor: Visitor, user: dict[str, Any]) -> None:
    visitor.check(among(user, USER), "a user has other fields")
    with visitor.judging():
        agree("user", {"email": visitor.person.email, "name": visitor.person.name}, user)


def _tokens(visitor: Visitor, found: dict[str, Any]) -> Tokens:
    access, fresh = found.get("access_token"), found.get("refresh_token")
    if not (isinstance(access, str) and access and isinstance(fresh, str) and fresh):
        raise visitor.fault("a session without tokens")
    tokens = visitor.keep(Tokens(access, fresh))
    visitor.check(found.get("token_type") == "bearer" and isinstance(found.get("expires_in"), int), "tokens are others")
    return tokens
