"""Takes conf/ into what is built: it stays at the top of the checkout and travels as sru_repro/conf."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithConfigurations(build_py):
    """Copies conf/ beside the modules; an editable installation reads that of its checkout."""

    def run(self) -> None:
        """As always, then the copy."""
        super().run()
        if not self.editable_mode:
            self.copy_tree("conf", str(Path(self.build_lib, "sru_repro", "conf")))


setup(cmdclass={"build_py": WithConfigurations})
