"""Python files as they are read, never run: what is in them, what a name in them means, and what a function raises.

A `Library` is some folders of a package. An error is raised by a function when a statement of its own raises it, when a
private function or a checker that it calls does (`ANSWERED`), or, of the suite's own errors, anything that it calls: as
far as calls can be followed by name, and errors are not caught on the way.
"""

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ANSWERED = re.compile(r".*\.(?:_|require|check|refuse)[^.]*$|.*\bcheck\.\w+$")
"""Functions whose callers answer for all that they raise: private ones, and checkers, by their name or module."""
ROOT_ERROR = "SuiteError"
"""The class of errors that users meet, whoever raised them."""


@dataclass
class Module:
    """A file: its name from the package on, and what its names are bound to, "module" or "module:name"."""

    name: str
    tree: ast.Module
    bound: dict[str, str]

    @cached_property
    def doc(self) -> str:
        """Its head."""
        return ast.get_docstring(self.tree) or ""

    @cached_property
    def exported(self) -> list[str]:
        """The names in its `__all__`."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                return [str(name) for name in ast.literal_eval(node.value)]
        return []

    @property
    def packages(self) -> list[str]:
        """Its name, and those of the packages that hold it."""
        parts = self.name.split(".")
        return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


@dataclass
class Class:
    """A class at the top of a module."""

    module: Module
    node: ast.ClassDef

    @property
    def name(self) -> str:
        """Its place, with the module."""
        return f"{self.module.name}.{self.node.name}"

    @cached_property
    def doc(self) -> str:
        """Its docstring."""
        return ast.get_docstring(self.node) or ""

    @property
    def fields(self) -> dict[str, ast.AnnAssign]:
        """What is annotated in its body."""
        return {ast.unparse(part.target): part for part in self.node.body if isinstance(part, ast.AnnAssign)}


@dataclass
class Function:
    """A function at the top of a module, or a method and the class that holds it."""

    module: Module
    node: ast.FunctionDef
    owner: Class | None = None

    @property
    def name(self) -> str:
        """Its place, with the module."""
        return f"{(self.owner or self.module).name}.{self.node.name}"

    @cached_property
    def doc(self) -> str:
        """Its own docstring."""
        return ast.get_docstring(self.node) or ""

    @property
    def arguments(self) -> list[ast.arg]:
        """All that have a name, in order."""
        a = self.node.args
        starred = [one for one in (a.vararg, a.kwarg) if one]
        return [*a.posonlyargs, *a.args, *a.kwonlyargs, *starred]


class Library:
    """The modules below some folders of a package; `besides` are read to know their classes, and are no part of it."""

    def __init__(self, package: Path, rooms: Sequence[str], besides: Sequence[str] = ()) -> None:
        self.rooms, self.all_modules = rooms, dict[str, Module]()
        for place in (*rooms, *besides):
            for file in sorted((package / place).rglob("*.py")):
                parts = file.relative_to(package).with_suffix("").parts
                tree = ast.parse(file.read_text(encoding="utf-8"))
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                self.all_modules[name] = Module(name, tree, _bound(name, parts, tree))
        self.modules = {n: m for n, m in self.all_modules.items() if n.split(".")[0] in rooms}
        found = [
            Class(module, node)
            for module in self.all_modules.values()
            for node in module.tree.body
            if isinstance(node, ast.ClassDef)
        ]
        self.all_classes = {one.name: one for one in found}
        self.classes = {
            name: one for name, one in self.all_classes.items() if one.module.name in self.modules
        }
        self._by_last_name = {one.node.name: one for one in found}
        self.functions = {
            one.name: one for module in self.modules.values() for one in self._functions(module)
        }
        self._raised: dict[str, set[str]] = {}

    def _functions(self, module: Module) -> Iterator[Function]:
        for node in module.tree.body:
            if isinstance(node, ast.FunctionDef):
                yield Function(module, node)
            elif isinstance(node, ast.ClassDef):
                parts = [part for part in node.body if isinstance(part, ast.FunctionDef) and not _sets(part)]
                yield from (
                    Function(module, part, self.classes[f"{module.name}.{node.name}"]) for part in parts
                )

    def meaning(self, module: Module, name: str) -> str:
        """The place of what a name in a module means, through re-exports; "" where it is none of the library's."""
        found = module.bound.get(name, "")
        for _ in range(9):
            place, _, own = found.partition(":")
            whole = f"{place}.{own}"
            if not own or whole in self.all_modules or place not in self.all_modules:
                break
            again = self.all_modules[place].bound.get(own, found)
            if again == found:
                break
            found = again
        place = found.replace(":", ".")
        return place if place in self.all_modules or found.split(":")[0] in self.all_modules else ""

    def ancestors(self, one: Class) -> Iterator[Class]:
        """A class, and those of the library that it is derived from, nearest first."""
        yield one
        for base in one.node.bases:
            above = (
                self.classes.get(self.meaning(one.module, base.id)) if isinstance(base, ast.Name) else None
            )
            if above is not None:
                yield from self.ancestors(above)

    def method(self, owner: Class, name: str, above: bool = False) -> Function | None:
        """What a class has by this name; `above`: what its bases have."""
        places = list(self.ancestors(owner))[int(above) :]
        return next(
            (
                self.functions[f"{one.name}.{name}"]
                for one in places
                if f"{one.name}.{name}" in self.functions
            ),
            None,
        )

    def called(self, one: Function, call: ast.Call) -> Function | None:
        """What a call in a function calls, where its name tells; of a class, the constructor."""
        to = call.func
        if isinstance(to, ast.Name):
            place = self.meaning(one.module, to.id)
            if place in self.classes:
                return self.method(self.classes[place], "__init__")
            return self.functions.get(place)
        if not isinstance(to, ast.Attribute):
            return None
        of = to.value
        if isinstance(of, ast.Name):
            if one.owner and of.id in ("self", "cls"):
                return self.method(one.owner, to.attr)
            place = self.meaning(one.module, of.id)
            return (
                self.functions.get(self.meaning(self.all_modules[place], to.attr))
                if place in self.all_modules
                else None
            )
        if one.owner and isinstance(of, ast.Call) and isinstance(of.func, ast.Name) and of.func.id == "super":
            return self.method(one.owner, to.attr, above=True)
        return None

    def raised(self, one: Function) -> set[str]:
        """The classes of errors that a function raises, by their last names."""
        if one.name not in self._raised:
            self._raised[one.name] = set()  # for functions that call themselves
            self._raised[one.name] = self._in(one, one.node.body) - {"NotImplementedError"}
        return self._raised[one.name]

    def _in(self, one: Function, nodes: Sequence[ast.AST]) -> set[str]:
        found: set[str] = set()
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
                continue
            if isinstance(node, ast.Try):
                caught = [name for handler in node.handlers for name in _caught(handler)]
                inside = self._in(one, node.body)
                found |= {name for name in inside if not any(self.is_a(name, kind) for kind in caught)}
                found |= self._in(one, [*node.handlers, *node.orelse, *node.finalbody])
                continue
            if isinstance(node, ast.Raise) and node.exc is not None:
                made = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                name = ast.unparse(made).split(".")[-1]
                found |= {name} if name[:1].isupper() else set()  # else a name for an error that was caught
            elif isinstance(node, ast.Call) and (to := self.called(one, node)) is not None:
                all_of_it = ANSWERED.match(to.name)
                found |= {name for name in self.raised(to) if all_of_it or self.is_a(name, ROOT_ERROR)}
            found |= self._in(one, list(ast.iter_child_nodes(node)))
        return found

    def is_a(self, name: str, kind: str) -> bool:
        """Whether an error of the one class is one of the other."""
        known = getattr(builtins, name, None)
        if isinstance(known, type):
            return kind in {base.__name__ for base in known.__mro__}
        own = self._by_last_name.get(name)
        above = [ast.unparse(base).split(".")[-1] for base in own.node.bases] if own else ["Exception"]
        return name == kind or any(self.is_a(base, kind) for base in above)

    def is_error(self, name: str) -> bool:
        """Whether there is such a class of errors, built in or in the library."""
        return (name in self._by_last_name or hasattr(builtins, name)) and self.is_a(name, "Exception")


def _bound(name: str, parts: tuple[str, ...], tree: ast.Module) -> dict[str, str]:
    found = {
        node.name: f"{name}:{node.name}"
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            start = [*parts[: len(parts) - node.level], *(node.module.split(".") if node.module else [])]
            found |= {alias.asname or alias.name: f"{'.'.join(start)}:{alias.name}" for alias in node.names}
    return found


def _sets(method: ast.FunctionDef) -> bool:
    """Whether it is the setter of a property, whose getter has the docstring."""
    return any(isinstance(one, ast.Attribute) and one.attr == "setter" for one in method.decorator_list)


def _caught(handler: ast.ExceptHandler) -> list[str]:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return [ast.unparse(kind).split(".")[-1] if kind else "BaseException" for kind in kinds]
