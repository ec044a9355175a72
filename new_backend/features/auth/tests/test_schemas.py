import pytest
from pydantic import ValidationError

from new_backend.features.auth.schemas import LoginRequest, RefreshTokenRequest, RegisterRequest, TokenResponse

GOOD = ["a@example.com", "a.b+c@sub.example.co.uk", "ä@example.com", "A@EXAMPLE.COM"]
BAD = [
    "",
    "a",
    "@example.com",
    "a@",
    "a@b",
    "a@b.",
    "a@.b",
    "a@b..c",
    "a b@example.com",
    "a@@example.com",
    "a@example.com\n",
    "a\u202e@example.com",
    "x" * 65 + "@example.com",
]


@pytest.mark.parametrize("email", GOOD)
def test_an_address_is_kept_in_lower_case(email: str) -> None:
    assert LoginRequest(email=email, password="").email == email.lower()


@pytest.mark.parametrize("email", BAD)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(ValidationError):
        LoginRequest(email=email, password="")


@pytest.mark.parametrize(("length", "good"), [(7, False), (8, True), (1024, True), (1025, False)])
def test_a_password_has_a_length(length: int, good: bool) -> None:
    body = {"email": "a@example.com", "password": "x" * length}
    if good:
        RegisterRequest.model_validate(body)
    else:
        with pytest.raises(ValidationError):
            RegisterRequest.model_validate(body)


def test_no_model_shows_a_secret_when_it_is_printed() -> None:
    models = (
        RegisterRequest(email="a@example.com", password="secret-thing"),
        LoginRequest(email="a@example.com", password="secret-thing"),
        RefreshTokenRequest(refresh_token="secret-thing"),
        TokenResponse(access_token="secret-thing", refresh_token="secret-thing", expires_in=1),
    )
    assert "secret-thing" not in repr(models)
