"""What every test has in common: how hypothesis searches."""

from hypothesis import settings

# No deadline: a timing is a benchmark, never a test. A failure prints what repeats it.
settings.register_profile("checkvalve", deadline=None, print_blob=True)
settings.load_profile("checkvalve")
