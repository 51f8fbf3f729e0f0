"""Attacks on a running service, one after the other, while other clients measure what they get.

Each attack is a coroutine that runs in a process of its own until it is stopped (`attacker`); `runner` starts
the service and the attacker, and measures.
"""
