"""An adversary that generates its attacks: random requests from grammars, reproducible from a seed.

It looks for requests that cost the service far more processor time, memory or log than they cost to send, for
those that hold up its event loop, and for those that it answers with 500.
"""
