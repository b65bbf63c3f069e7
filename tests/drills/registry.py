"""All drills: importing this enters them into the list."""

from tests.drills import entries, fences, formats, history, keys, limits, notes, outside, personal, waste

MODULES = (entries, fences, history, keys, formats, notes, limits, personal, outside, waste)
