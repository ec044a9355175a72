"""The edge: clients' connections, from the bytes on the socket to one ASGI call per request and back."""
