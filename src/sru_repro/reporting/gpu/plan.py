"""What the sections of the GPU check answer, and what their pieces are for: all of it, also what no GPU has run."""

from ...records import gpu_manifest

SECTIONS = {name: section.question for name, section in gpu_manifest.SECTIONS.items()}
PIECES = {
    name: tuple((piece.name, piece.purpose) for piece in section.pieces)
    for name, section in gpu_manifest.SECTIONS.items()
}
