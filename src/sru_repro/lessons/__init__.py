"""What the notebooks call: measurements and pictures made to be learned from, and the notebooks' own execution.

A notebook calls and shows; whatever takes more than a call stands here or further below, where tests hold it.
"""
