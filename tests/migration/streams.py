"""Server-sent events of a job, as a browser would read them."""

import contextlib
import json
from typing import NamedTuple

from tests.migration.people import JOBS


class Event(NamedTuple):
    id: int | None
    name: str
    data: dict


@contextlib.contextmanager
def following(user, backend, job_id, last_event_id=None):
    """The stream of one job, open: the response, to be read by `events`."""
    headers = {**user.headers, **({} if last_event_id is None else {"Last-Event-ID": str(last_event_id)})}
    with backend.client.stream("GET", f"{JOBS}/{job_id}/events", headers=headers) as response:
        assert response.status_code == 200, response.read()
        yield response


def events(response):
    """Each event as soon as it has arrived. Comments and the time to reconnect are passed over."""
    fields = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            number = int(fields["id"]) if "id" in fields else None
            yield Event(number, fields["event"], json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}


def followed(user, backend, job_id, last_event_id=None):
    """All events until the server ends the stream."""
    with following(user, backend, job_id, last_event_id) as response:
        return list(events(response))
