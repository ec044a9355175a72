"""`make traffic`: users who behave as users do, through the gateway, at a given rate, and what became of each step.

It speaks HTTP alone, to the gateway and to its admin port, and imports neither the gateway nor the application.
"""
