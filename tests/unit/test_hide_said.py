"""What a text says by a secret's name is in no part of what is kept, however it is written."""

import html
import json
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.replies import ReplyRules, compare_replies
from gateway.rules.said import said
from gateway.rules.secret_values import hidden_said, says_more
from tests.unit.test_hide import HTML, JSON, TEXT, asked, kept, reply, texts, written

XML = ("content-type", "application/xml")
NAMES = st.sampled_from(["token", "Password", "csrf_token", "api-key", "credentials", "X-Secret"])
SECRETS = st.text("abcXYZ019", max_size=12).map(lambda text: f"Zq7{text}")


def as_text(value):
    return json.dumps(value)


FORMS = {
    "JSON in a text of JSON": (JSON, lambda name, it: as_text({"a": as_text({name: {"value": it}})})),
    "the same, twice": (JSON, lambda name, it: as_text({"a": as_text({"b": as_text([{name: [it, it]}])})})),
    "a list in a text of JSON": (JSON, lambda name, it: as_text({"a": as_text({name: ["x", it]})})),
    "part of JSON in a text": (JSON, lambda name, it: as_text({"a": "is " + as_text({name: {"v": it}})})),
    "JSON in a script": (HTML, lambda name, it: f"<script>x = {as_text(as_text({name: it + ' a', 'b': 1}))}</script>"),
    "JSON in an attribute": (HTML, lambda name, it: f'<p data-x="{html.escape(as_text({name: it, "b": 1}))}">'),
    "an object in an attribute": (HTML, lambda name, it: f'<p data-x="{html.escape(as_text({name: {"b": it}}))}">'),
    "an element": (XML, lambda name, it: f"<a><{name}>{it}</{name}><b/></a>"),
    "an element with a prefix": (XML, lambda name, it: f'<a>\n<w:{name} w:a="b">{it}</w:{name}></a>'),
    "an element in lines": (XML, lambda name, it: f"<a>\n<{name}>\n  {it}\n</{name}></a>"),
    "an element of raw text": (XML, lambda name, it: f"<{name}><![CDATA[{it}<]]></{name}>"),
    "an element with others": (XML, lambda name, it: f"<{name}>\n<user>joe</user><value>{it}</value></{name}>"),
    "an element's attribute": (XML, lambda name, it: f'<{name} a="b" value="{it}"/>'),
    "a property": (XML, lambda name, it: f'<add key="{name}" value="{it}"/>'),
    "a field": (HTML, lambda name, it: f'<input name="{name}" type="hidden" value="{it}">'),
    "a field, value first": (HTML, lambda name, it: f'<input type="hidden" value="{it}" name="user[{name}]">'),
    "meta, content first": (HTML, lambda name, it: f"<meta content='{it}' name={name}>"),
    "hashes of Ruby and PHP": (TEXT, lambda name, it: f"{{'{name}' => '{it}', '{name}' => ['{it}']}}"),
    "the same in HTML": (HTML, lambda name, it: html.escape(f"""{{"{name}" => "{it}", 'b' => 1}}""")),
    "a block of YAML": (TEXT, lambda name, it: f"{name}:\n  value: {it}\n"),
    "a text in YAML": (TEXT, lambda name, it: f"{name}: |\n  {it}\n"),
    "a nested field": (TEXT, lambda name, it: f"user[{name}]={it}&b=1"),
}


NOT_ECHOED = frozenset(
    {
        "part of JSON in a text", "JSON in a script", "an object in an attribute", "an element of raw text",
        "an element with others", "hashes of Ruby and PHP", "a block of YAML", "a text in YAML",
    }
)  # fmt: skip
"""Of these it is not known which part of a text is the value: that text is not kept."""


@pytest.mark.parametrize("form", FORMS)
@given(NAMES, SECRETS)
def test_what_goes_by_a_secrets_name_is_in_no_part_of_what_is_kept(form, name, secret):
    """Short ones, too, which are not looked for elsewhere."""
    kind, write = FORMS[form]
    bodies = [reply(write(name, each), kind) for each in (secret, secret + "z")]
    differences = [*compare_replies(*bodies, ReplyRules()), *compare_replies(*bodies, ReplyRules(as_="text"))]
    sample = kept(asked("/", body=write(name, secret)), *bodies, differences)
    assert secret not in written(sample)


@pytest.mark.parametrize("form", [form for form in FORMS if form not in NOT_ECHOED])
@given(NAMES, SECRETS)
def test_what_goes_by_a_secrets_name_is_hidden_elsewhere(form, name, secret):
    kind, write = FORMS[form]
    longer = f"{secret}99999"
    assert longer not in written(kept(None, reply(write(name, longer), kind), reply(f"no {longer}", TEXT)))


@given(SECRETS)
def test_what_a_parameter_says_is_hidden(secret):
    target = f"/x?a=1&state={quote(as_text({'token': secret}))}&b={quote(quote(as_text({'tokens': [secret]})))}"
    sample = kept(asked(target), reply(f"{secret} 99", TEXT))
    assert sample["asked"]["target"] == "/x?a=1&state=***&b=***"


@pytest.mark.parametrize(
    "body",
    [
        r"ab\/cd\u002bef\/gh12",
        r"ab\u002fcd+ef\/gh12",
        r"ab\x2Fcd\x2Bef/gh12",
        "ab&#x2F;cd&#43;ef&#x2f;gh12",
        "ab&sol;cd&plus;ef/gh12",
        "100%25 ab%2Fcd+ef/gh12",
        "ab%252Fcd%252Bef%252Fgh12",
        r"ab\\\/cd+ef\\\/gh12",
        "ab%26%23x2F%3Bcd%26%23x2B%3Bef/gh12",
    ],
)
def test_a_value_is_found_however_it_is_encoded(body):
    sample = kept(asked("/", ("authorization", "Bearer ab/cd+ef/gh12")), reply(f'"{body}"', HTML))
    assert all("gh12" not in text for text in texts(sample))
    assert sample["legacy"]["body"]["text"].endswith('***"')


@pytest.mark.parametrize(
    "name",
    [
        "X-Amz-Signature",
        "sig",
        "code",
        "pwd",
        "sid",
        "session_id",
        "PHPSESSID",
        "otp",
        "auth",
        "x-goog-signature",
        "pass",
    ],
)
def test_secret_parameters_are_hidden_in_queries_forms_and_urls(name):
    form = ("content-type", "application/x-www-form-urlencoded")
    request = asked(f"/x?{name}=Zq7&a=1", ("referer", f"https://h/?a=1&{name}=Zq7"), form, body=f"{name}=Zq7&a=1")
    sample = kept(request, reply("", ("location", f"/y?{name}=Zq7&a=1")))
    assert "Zq7" not in written(sample)
    assert sample["asked"]["target"] == f"/x?{name}=***&a=1"
    assert sample["legacy"]["headers"] == [["location", f"/y?{name}=***&a=1"]]


@pytest.mark.parametrize(
    "name", ["session_id", "sessionId", "private_key", "pwd", "userPwd", "passphrase", "_csrf", "otp"]
)
def test_more_members_with_secret_names_are_hidden(name):
    body = as_text({name: "Zq7", "a": f"{name}=Zq7"} if name != "otp" else {name: "Zq7"})
    assert "Zq7" not in written(kept(None, reply(body, JSON)))


@pytest.mark.parametrize("name", ["x-auth-key", "x-session", "x-session-id", "x-auth", "x-csrf", "private-key"])
def test_more_secret_headers_are_hidden(name):
    assert kept(asked("/", (name, "Zq7")))["asked"]["headers"] == [[name, "***"]]


def test_urls_that_are_signed_are_hidden_wherever_they_stand():
    url = "https://h/f?X-Amz-Date=1&X-Amz-Signature=Zq7&v=1"
    for body in (as_text({"url": url}), f'<a href="{html.escape(url)}">', as_text(url).replace("&", r"\u0026")):
        shown = kept(None, reply(body, HTML))["legacy"]["body"]["text"]
        assert "Zq7" not in shown
        assert "v=1" in shown


def test_harmless_names_are_shown():
    names = ["key", "code", "status_code", "signature", "sid", "sig", "pass", "sessions", "monkey", "design", "author"]
    body = as_text(dict.fromkeys(names, "value"))
    sample = kept(asked("/x?key=k&page=2&status_code=3&design=x"), reply(body, JSON))
    assert orjson.loads(sample["legacy"]["body"]["text"]) == orjson.loads(body)
    assert sample["asked"]["target"] == "/x?key=k&page=2&status_code=3&design=x"


def test_long_integers_are_hidden_digit_by_digit_as_they_are_compared():
    bodies = [reply(f'{{"token":{10**22 + 1},"ref":{10**22 + each}}}', JSON) for each in (1, 2)]
    sample = kept(None, *bodies, compare_replies(*bodies, ReplyRules()))
    assert sample["differences"][0]["legacy"] == "***"
    assert sample["new"]["body"]["text"] == f'{{"token":"***","ref":{10**22 + 2}}}'


@pytest.mark.parametrize(
    "text",
    [
        "<b>tokens</b> are good",
        "<cookie-banner><div>x</div></cookie-banner>",
        "<password/> <a name='x' value='y'>",
        '<a value="b">password</a>',
        "no token here: tokens",
        "",
    ],
)
def test_what_says_nothing_is_kept(text):
    assert hidden_said(text) == text
    assert kept(None, reply(text, HTML))["legacy"]["body"]["text"] == text


def test_json_in_a_text_of_json_is_kept_as_it_is_where_nothing_in_it_is_secret():
    inner = '{ "a" : [1, {"b":2.50}] }'
    assert orjson.loads(kept(None, reply(as_text({"x": inner}), JSON))["legacy"]["body"]["text"]) == {"x": inner}


def test_places_are_those_of_the_body_and_not_of_json_in_its_texts():
    bodies = [reply(as_text({"name": "Ann", "x": as_text({"name": "Bob", "token": "c"})}), JSON)]
    shown = orjson.loads(kept(None, *bodies, redact=["$.name"])["legacy"]["body"]["text"])
    assert shown == {"name": "***", "x": '{"name":"Bob","token":"***"}'}


@given(st.text("<>=\"'\\&;:[]{} \n\u0130xv-", max_size=60), NAMES, st.text("<>=\"'\\&;:[ \nab", max_size=30))
def test_what_is_said_lies_in_the_text_in_order(before, name, after):
    text = before + name + after
    read = 0
    for each in said(text):
        assert read <= each.start < each.end <= len(text)
        assert each.begin <= each.start
        assert each.end <= each.until
        read = each.end
    says_more(text)
