"""Trains any task with any model: Lightning glue, run record, exact resume.

Nothing here knows a model or a task by name.
"""
