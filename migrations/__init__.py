"""The schema that both sides of the sample application agree on. Run once, by `python -m migrations`.

Neither `legacy_backend` nor `new_backend` imports this: each side has its own models of the same tables, and
a test holds both to what stands here.
"""
