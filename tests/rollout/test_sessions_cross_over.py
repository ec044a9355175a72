"""A user who logs in on one side stays logged in on the other: what lets a percentage of traffic move."""

import httpx
import pytest

CREDENTIALS = {"email": "crossing@example.com", "password": "correct horse battery"}


@pytest.fixture
def client(stack):
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", timeout=30, trust_env=False) as client:
        yield client


def test_a_login_survives_the_move_to_new_and_back(stack, client):
    stack.set_percent("auth", 0)
    registered = client.post("/api/v1/auth/register", json=CREDENTIALS)
    assert (registered.status_code, registered.headers["x-served-by"]) == (201, "legacy")
    tokens = client.post("/api/v1/auth/login", json=CREDENTIALS).json()

    def me(token):
        reply = client.get("/api/v1/auth/me", headers={"authorization": f"Bearer {token}"})
        assert reply.status_code == 200, reply.text
        assert reply.json()["email"] == CREDENTIALS["email"]
        return reply.headers["x-served-by"]

    assert me(tokens["access_token"]) == "legacy"
    stack.set_percent("auth", 100)
    assert me(tokens["access_token"]) == "new"
    refreshed = client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert (refreshed.status_code, refreshed.headers["x-served-by"]) == (200, "new")
    assert me(refreshed.json()["access_token"]) == "new"
    stack.set_percent("auth", 0)
    assert me(refreshed.json()["access_token"]) == "legacy"
    again = client.post("/api/v1/auth/refresh", json={"refresh_token": refreshed.json()["refresh_token"]})
    assert (again.status_code, again.headers["x-served-by"]) == (200, "legacy")


def test_the_rest_of_the_application_is_legacys(stack, client):
    stack.set_percent("auth", 100)
    reply = client.get("/api/v1/openapi.json")
    assert reply.headers["x-served-by"] == "legacy"
    assert reply.headers["x-gateway-side"] == "fixed"
