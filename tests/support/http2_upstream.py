"""An upstream that speaks HTTP/2: enough of a server for one connection of a test."""

import h2.config
import h2.connection
import h2.events


async def speak_http2(peer):
    """A script: echoes the body of each request; `reset` as a body resets its stream."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    await peer.send(connection.data_to_send())
    bodies = {}
    while data := await peer.reader.read(65_536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                peer.requests.append(dict(event.headers))
                bodies[event.stream_id] = b""
            elif isinstance(event, h2.events.DataReceived):
                bodies[event.stream_id] += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                _answer(connection, event.stream_id, bodies)
        await peer.send(connection.data_to_send())


def _answer(connection, stream, bodies):
    if bodies[stream] == b"reset":
        connection.reset_stream(stream)
        return
    connection.send_headers(stream, [(":status", "200"), ("content-length", str(len(bodies[stream]))), ("x-a", "b")])
    connection.send_data(stream, bodies[stream], end_stream=True)
