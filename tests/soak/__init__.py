"""`make soak`: many weekly chains on the real product while its processes are killed at random.

The same weeks are run undisturbed first; everything the disturbed ones leave must be equal to what these left.
"""
