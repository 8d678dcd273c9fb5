"""The verbs of `labelcurve`, one file each: `add_to` puts a verb among the commands and names what does it.

What needs more than a moment to import is imported by the verb that needs it.
"""
