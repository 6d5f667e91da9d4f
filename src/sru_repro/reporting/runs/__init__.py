"""Run records to tables, figures and comparisons."""
