"""Loopback stand-ins of outside systems and a seeded world of shoppers.

Nothing in here imports the product: a stand-in that shared code with its client would prove nothing.
"""
