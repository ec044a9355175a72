"""README and docs/ are held against the code: commands, options, variables, links, files, metrics, alerts, rights."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml
from typer.core import TyperCommand, TyperGroup, TyperOption

from gateway.cli.main import build
from gateway.compare.reader import CompareReader
from gateway.errors import UpstreamErrorKind
from gateway.flags.registry import HeldFlag, WorkerRegistry
from gateway.flags.stored import FlagConflictError
from gateway.flags.writer import FlagWriter
from gateway.model import BasisPoints, Reason, ShadowOutcome
from gateway.rules.compared import Pair
from gateway.shadow.ledger import Ledger
from gateway.telemetry.catalogue import METRICS
from tests.support.comparing import compared, shadow_plan
from tests.support.flagtools import until, watching
from tests.support.valkey_server import ValkeyServer
from traffic.options import parser_of_traffic

ROOT = Path(__file__).parents[2]
SECURITY = ROOT / "SECURITY.md"
DOCUMENTS = (ROOT / "README.md", ROOT / "CHANGELOG.md", SECURITY, *sorted((ROOT / "docs").glob("*.md")))
OPERATING = (ROOT / "docs/operating.md").read_text()
COMMANDS = OPERATING + "".join((ROOT / "docs" / name).read_text() for name in ("verify.md", "compare.md", "replay.md"))
# A command with a guide of its own is described there.
LIFE = (ROOT / "docs/life-of-a-request.md").read_text()
RULES = (ROOT / "deploy/prometheus/gateway.rules.yml").read_text()

ROOT_COMMAND = typer.main.get_command(build())
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_METRIC_SUFFIX = re.compile(r"_(bucket|count|sum)$")
_NO_METRICS = {"gateway_id", "gateway_override"}  # the cookies
Command = TyperCommand | TyperGroup
_READ_BY_OURSELVES = {
    "GATEWAY_COMPILED",
    "GATEWAY_LOG",
    "GATEWAY_OVERRIDE_KEY",
    "GATEWAY_ADMIN_TOKEN",
}  # by the processes that need them


# -- what documents say


def blocks(text: str) -> list[tuple[str, str]]:
    """Fenced blocks: language and content."""
    return _BLOCK.findall(text)


def inline(text: str) -> list[str]:
    """What stands in backticks, outside of blocks."""
    return _INLINE.findall(_BLOCK.sub("", text))


def typed(text: str) -> Iterator[str]:
    """Lines that a reader would type: after a prompt, in blocks of shell, in a unit file, in backticks."""
    for language, content in blocks(text):
        for line in content.replace("\\\n", " ").splitlines():
            if language == "console" and line.startswith("$ "):
                yield line[2:]
            elif language == "bash" or line.startswith("ExecStart="):
                yield line
    yield from inline(text)


def calls(line: str) -> Iterator[list[str]]:
    """The words behind each `gateway` of a line, up to the end of that command."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # an apostrophe
        words = line.split()
    for index, word in enumerate(words):
        is_ours = word in ("gateway", "ExecStart=gateway") or word.endswith("/bin/gateway")
        starts = index == 0 or word.endswith("/bin/gateway") or set(words[index - 1]) <= set("|&;<>")
        if is_ours and starts:
            rest = words[index + 1 :]
            end = next((at for at, each in enumerate(rest) if set(each) <= set("|&;<>.")), len(rest))
            yield rest[:end]


def links(text: str) -> list[str]:
    """Targets of links and images, without addresses elsewhere."""
    text = _BLOCK.sub("", text)
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    return [link for link in found if "://" not in link]


def anchors(text: str) -> set[str]:
    """The fragments that GitHub makes of headings."""
    headings = re.findall(r"^#+ (.*)$", _BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# -- what is wrong with it: one line each


def wrong_calls(text: str) -> list[str]:
    """Commands and options of ours that do not exist."""
    return [problem for line in typed(text) for words in calls(line) if (problem := _wrong_call(words))]


def _wrong_call(words: list[str]) -> str | None:
    command: Command = ROOT_COMMAND
    for word in words:
        if word.startswith("-"):
            name = word.partition("=")[0]
            if name not in option_names(command) | {"--help"}:
                return f"gateway {' '.join(words)}: no option {name}"
        elif isinstance(command, TyperGroup):
            if word not in command.commands:
                return f"gateway {' '.join(words)}: no command {word}"
            command = command.commands[word]
    return None


def option_names(command: Command) -> set[str]:
    """All spellings of a command's options."""
    return {name for option in command.params if isinstance(option, TyperOption) for name in option.opts}


def wrong_links(document: Path, text: str) -> list[str]:
    """Links to files or headings that are not there."""
    wrong = []
    for link in links(text):
        name, _, fragment = link.partition("#")
        target = document.parent / name if name else document
        if not target.exists():
            wrong.append(f"{link}: no such file")
        elif fragment and target.suffix == ".md" and fragment not in anchors(target.read_text()):
            wrong.append(f"{link}: no such heading")
    return wrong


def wrong_paths(text: str) -> list[str]:
    """Paths in backticks that begin in one of our folders and lead nowhere."""
    folders = {each.name for each in ROOT.iterdir() if each.is_dir() and not each.name.startswith(".")}
    paths = [word for word in inline(text) if re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?", word)]
    return [path for path in paths if path.split("/")[0] in folders and not (ROOT / path).exists()]


def wrong_metrics(text: str) -> list[str]:
    """Names of metrics that are not in the catalogue."""
    known = {definition.name for definition in METRICS}
    named = set(re.findall(r"(?<![\w:/])gateway_[a-z]\w*(?![\w:/])", text)) - _NO_METRICS
    return sorted(name for name in named if name not in known and _METRIC_SUFFIX.sub("", name) not in known)


def wrong_variables(text: str) -> list[str]:
    """GATEWAY_* variables that nothing reads."""
    return sorted(set(re.findall(r"\bGATEWAY_[A-Z_]+\b", text)) - variables(ROOT_COMMAND) - _READ_BY_OURSELVES)


def variables(command: Command) -> set[str]:
    """The environment variables of a command and of those below it."""
    own = {option.envvar for option in command.params if isinstance(option.envvar, str)}
    below = command.commands.values() if isinstance(command, TyperGroup) else ()
    return own.union(*map(variables, below))


def every_command(command: Command = ROOT_COMMAND, name: str = "gateway") -> Iterator[tuple[str, Command]]:
    """`gateway flag set` and its like."""
    if isinstance(command, TyperGroup):
        for below in command.commands.values():
            yield from every_command(below, f"{name} {below.name}")
    else:
        yield name, command


# -- the documents


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_exists(document: Path):
    text = document.read_text()
    wrong = [*wrong_calls(text), *wrong_links(document, text), *wrong_paths(text), *wrong_metrics(text)]
    assert wrong + wrong_variables(text) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Type `gateway flag sett auth 10`.", "gateway flag sett auth 10: no command sett"),
        ("```console\n$ .venv/bin/gateway statis --json\n```", "gateway statis --json: no command statis"),
        ("```bash\nmake && gateway check --strict x | cat\n```", "gateway check --strict x: no option --strict"),
        ("```ini\nExecStart=/opt/bin/gateway serve --prot 1\n```", "gateway serve --prot 1: no option --prot"),
    ],
)
def test_a_command_that_does_not_exist_is_found(text: str, told: str):
    assert wrong_calls(text) == [told]


def test_what_a_command_printed_is_not_taken_for_a_command():
    assert wrong_calls("```console\n$ gateway version\ngateway nonsense\n```") == []


def test_other_things_that_do_not_exist_are_found():
    readme = ROOT / "README.md"
    assert wrong_links(readme, "[a](docs/nothing.md) [b](docs/metrics.md#nothing) [c](https://example.com/x)") == [
        "docs/nothing.md: no such file",
        "docs/metrics.md#nothing: no such heading",
    ]
    assert wrong_paths("`gateway/nothing.py`, `gateway/proxy.py`, `text/plain`") == ["gateway/nothing.py"]
    assert wrong_metrics("`gateway_nothing_total`, `gateway_attempt_duration_seconds_bucket`") == [
        "gateway_nothing_total"
    ]
    assert wrong_variables("GATEWAY_NOTHING and GATEWAY_PORT") == ["GATEWAY_NOTHING"]


@pytest.mark.parametrize(("name", "command"), [*every_command()])
def test_every_command_and_each_of_its_options_is_in_a_guide(name: str, command: Command):
    words = [word for line in typed(COMMANDS) for word in (line, *line.split())]
    assert any(" ".join(["gateway", *call]).startswith(name) for line in typed(COMMANDS) for call in calls(line))
    missing = [
        option.opts for option in command.params if isinstance(option, TyperOption) and not set(option.opts) & {*words}
    ]
    assert missing == []


def test_every_option_of_serve_is_in_its_table_with_its_variable_and_its_default():
    serve = next(command for name, command in every_command() if name == "gateway serve")
    rows = dict(re.findall(r"^\| `(--[\w-]+)` \| (`GATEWAY_\w+` \| \S+) \|", OPERATING, re.MULTILINE))
    assert rows == {
        option.opts[0]: f"`{option.envvar}` | {'none' if option.default is None else f'`{option.default}`'}"
        for option in serve.params
    }


def test_options_in_backticks_exist():
    known = {name for _, command in every_command() for name in option_names(command)}
    known |= {name for action in parser_of_traffic()._actions for name in action.option_strings}
    for document in DOCUMENTS:
        named = {word.split()[0] for word in inline(document.read_text()) if word.startswith("--")}
        assert named <= known, document.name


def test_every_alert_is_in_the_operating_guide_and_no_other():
    alerts = {rule["alert"] for group in yaml.safe_load(RULES)["groups"] for rule in group["rules"] if "alert" in rule}
    assert set(re.findall(r"^\| `(Gateway\w+)` \|", OPERATING, re.MULTILINE)) == alerts
    for document in DOCUMENTS:
        assert set(re.findall(r"\bGateway[A-Z]\w+\b", document.read_text())) <= alerts


def test_every_reason_and_every_kind_of_failure_is_in_the_life_of_a_request():
    words = set(inline(LIFE))
    assert {reason.value for reason in Reason} <= words
    assert {kind.value for kind in UpstreamErrorKind} <= words


def test_keys_in_redis_that_documents_name_are_ours():
    for document in DOCUMENTS:
        kinds = set(re.findall(r"\bgateway:(\w+)", document.read_text()))
        assert kinds <= {"flag", "allow", "deny", "history", "epoch", "workers", "beats", "compare"}, document.name


def test_pictures_load_nothing_from_elsewhere():
    pictures = sorted((ROOT / "docs/images").glob("*.svg"))
    assert pictures
    for picture in pictures:
        loads = re.findall(r"url\((?!#)[^)]*\)|href=|src[=:]|@import|<script", picture.read_text())
        assert loads == [], picture.name
        assert picture.stat().st_size < 60_000


@pytest.mark.anyio
async def test_the_least_rights_of_the_operating_guide_suffice(own_valkey: ValkeyServer):
    (rules,) = re.findall(r"^ACL SETUSER gateway (.*?)^```", OPERATING, re.MULTILINE | re.DOTALL)
    with own_valkey.client() as plain:
        plain.execute_command("ACL", "SETUSER", "gateway", *rules.replace("PASSWORD", "secret").split())
        url = f"redis://gateway:secret@127.0.0.1:{own_valkey.port}/0"
        writer = FlagWriter(url=url, namespace="gateway")
        registry = WorkerRegistry(url=url, namespace="gateway", worker="a:w0:1")
        ledger, reader = Ledger(url=url, namespace="gateway"), CompareReader(url=url, namespace="gateway")
        async with watching(url, creates_epoch=True) as watched:
            await watched.until_up()
            await _use_everything(writer, registry)
            await _compare_everything(ledger, reader)
            await watched.until_percent(25)
            plain.hset("gateway:flag:atuh", "percent", "1")
            await until(lambda: any("atuh" in event.text for event in watched.events))
            plain.set("gateway:flag:auth", "oops")
            await writer.set_enabled("auth", False, who="ann", reason="")
            await until(lambda: watched.auth is not None and watched.auth.enabled is False)
            assert watched.watcher.problem is None
        await writer.aclose()
        await registry.aclose()
        await ledger.aclose()
        await reader.aclose()
        assert plain.exists("gateway:epoch")
        assert plain.execute_command("ACL", "LOG") == []


async def _compare_everything(ledger: Ledger, reader: CompareReader) -> None:
    ledger.count("auth", ShadowOutcome.MISMATCH)
    ledger.add(compared({"a": 1, "t": 0.5}, {"a": 2, "t": 0.7}, when=1.0), shadow_plan())
    ledger.pair(Pair("auth", "/a", frozenset(("body $.a",)), frozenset()))
    for _ in range(2):
        await ledger.turn()
        ledger.keep_seconds = 60  # so that what was seen long ago is forgotten, too
        ledger.count("auth", ShadowOutcome.MATCH)
    found = await reader.feature("auth")
    assert (found["compared"], len(found["differences"])) == (2, 0)
    assert len((await reader.totals(["auth"]))["auth"]) > 0
    assert await reader.sample("ab") is None
    await reader.clear("auth")


async def _use_everything(writer: FlagWriter, registry: WorkerRegistry) -> None:
    await writer.set_percent("auth", BasisPoints(2500), who="ann", reason="")
    with pytest.raises(FlagConflictError):
        await writer.set_percent("auth", BasisPoints(0), who="ann", reason="", expected_rev=9)
    await writer.add("auth", "allow", ["alice"], who="ann", reason="")
    await writer.remove("auth", "allow", ["alice"], who="ann", reason="")
    await writer.unset("auth", who="ann", reason="")
    await writer.adopt("auth", who="ann", reason="")
    await writer.set_percent("auth", BasisPoints(2500), who="ann", reason="")
    assert len(await writer.history("auth")) == 6
    registry.report(features={"auth": HeldFlag(killed=False, basis_points=2500, rev=1)}, config_sha="x")
    await registry._beat()
    assert [report.worker for report in await registry.read()] == ["a:w0:1"]
    await registry.remove("a:w0:1")


# -- what shows it


def test_security_names_tests_that_there_are():
    named = re.findall(
        r"`(?:tests/)?((?:unit|wire|migration|rollout|fuzz)/[\w/]+\.py)(?:::(\w+))?`", SECURITY.read_text()
    )
    assert len(named) > 60
    missing = [f"{file}::{name}" for file, name in named if not (ROOT / "tests" / file).is_file()]
    for file, name in named:
        if name and f"def {name}(" not in (ROOT / "tests" / file).read_text():
            missing.append(f"{file}::{name}")
    assert missing == []
