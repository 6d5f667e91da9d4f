"""What docstrings have to say, held against the code beneath them.

Each rule takes a `Library` and gives a line for each place where something is not said. They look at functions, methods
and classes whose names have no underscore in front, in every file of the library.
"""

import ast
import re
from collections.abc import Iterator

from .reading import Class, Function, Library

SHAPED = re.compile(r"_(?=[a-z0-9]*[A-Z])([A-Za-z0-9]{1,6})$")
"""The end of a name that tells its shape: an underscore and letters of axes, one of them a capital."""
SHAPE = re.compile(
    r"\((?=[^()]*,)[^()]*\b(?:[A-Za-z]|\d)\b[^()]*\)"  # (L, B, D), (..., D), (H,)
    r"|\w_(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{1,6}\b"  # h_LBH
    r"|\bshapes?\b|\bscalars?\b"  # "in the shape of its argument"
)
TENSOR = re.compile(r"\b(?:Tensor|PackedSequence|NDArray)\b")
SECTION = re.compile(r"((?:Keyword )?Args|Attributes|Returns|Yields|Raises):\s*")
ARGUMENTS = ("Args", "Keyword Args")
PUBLISHED = {"sigmoid", "softmax", "scaled_dot_product_attention"}
"""Functions by which the arithmetic of a published network is known."""
SOURCE = re.compile(
    r"(?:\bpapers?\b|\bet al\.|\b(?:EMNLP|ICLR|ACL|NeurIPS|Neural Computation|arXiv)\b).{0,99}?"
    r"\b(?:(?:section|equation|table|appendix)s?\s+(?:\d|[A-Z]\b)|(?:19|20)\d\d\b)",
    re.DOTALL | re.IGNORECASE,
)
"""A paper, and the place in it, or at least its year."""
MEASURED = re.compile(
    r"(?:^|_)(?:timeout|wait|stall|delay|latency|speed|memory|shared|window|max|most)(?:_|$)"
)
UNIT = re.compile(
    r"\b(?:seconds|bytes|steps|columns|inputs|symbols|words|MB|ms|s)\b|_(?:s|ms|bytes|seconds)\b",
    re.IGNORECASE,
)


def public(library: Library) -> Iterator[Function]:
    """Functions and methods that others may call, constructors among them."""
    for one in library.functions.values():
        own, hidden = one.node.name, one.owner is not None and one.owner.node.name.startswith("_")
        if not hidden and (not own.startswith("_") or own in ("__init__", "__call__")):
            yield one


def public_classes(library: Library) -> Iterator[Class]:
    """Classes whose names have no underscore in front."""
    yield from (one for one in library.classes.values() if not one.node.name.startswith("_"))


def sections(doc: str) -> dict[str, str]:
    """The text of a docstring by section; what stands outside of all is under ""."""
    found, place = {"": ""}, ""
    for line in doc.splitlines():
        if head := SECTION.fullmatch(line):
            place = head[1]
            continue
        if line and not line[0].isspace():
            place = ""
        found[place] = found.get(place, "") + line + "\n"
    return found


def entries(doc: str, *names: str) -> dict[str, str]:
    """What some sections say, by the names of their entries."""
    found: dict[str, str] = {}
    for section in names:
        name = ""
        for line in sections(doc).get(section, "").splitlines():
            if start := re.match(r" {4}\*{0,2}([\w.]+)(?: \(\w+\))?:(.*)", line):
                name, line = start[1], start[2]
            if name:
                found[name] = f"{found.get(name, '')} {line.strip()}"
    return found


def doc_of(library: Library, one: Function) -> str:
    """All that is said of a function: by a constructor's class, and, at "See `Base`", by the base's method."""
    said = [one.doc]
    if one.owner is not None:
        if one.node.name == "__init__" or "ee the class" in one.doc:
            said.append(one.owner.doc)
        above = library.method(one.owner, one.node.name, above=True)
        if above is not None and re.match(r"See `\w+`", one.doc):
            said.append(doc_of(library, above))
    return "\n".join(said)


def undocumented(library: Library) -> list[str]:
    """Modules, classes, functions, numbers and what a package exports, without a docstring."""
    found = [module.name for module in library.modules.values() if not module.doc]
    found += [one.name for one in public_classes(library) if not one.doc]
    found += [one.name for one in public(library) if not one.doc and one.node.name != "__init__"]
    exported = {
        library.meaning(module, name) for module in library.modules.values() for name in module.exported
    }
    for module in library.modules.values():
        for node, after in zip(module.tree.body, [*module.tree.body[1:], None], strict=True):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                name = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
                place, counts = f"{module.name}.{name}", _is_number(node.value) and name[0].isalpha()
                found += [place] if (counts or place in exported) and not _is_text(after) else []
    return found


def _is_text(node: ast.stmt | None) -> bool:
    """Whether a statement is a docstring, of what stands before it."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_number(value: ast.expr) -> bool:
    """Whether an expression is made of numbers alone."""
    if isinstance(value, ast.Constant):
        return type(value.value) in (int, float)
    return isinstance(value, ast.BinOp) and _is_number(value.left) and _is_number(value.right)


def shapeless(library: Library) -> list[str]:
    """Arguments, results and fields that are tensors of which no shape is told."""
    aliases, found = _tensor_aliases(library), []
    for one in public(library):
        doc = doc_of(library, one)
        for argument in one.arguments:
            if _tensors(argument.annotation, aliases) and not _shape_told(argument.arg, doc):
                found.append(f"{one.name}: {argument.arg}")
        wanted, told = _tensors(one.node.returns, aliases), sections(doc)
        results = told[""] + told.get("Returns", "") + told.get("Yields", "")
        if len(SHAPE.findall(results)) < wanted and not re.search(r"\bshapes?\b", results):
            found.append(f"{one.name}: its result")
    for kind in public_classes(library):
        for name, field in kind.fields.items():
            if _tensors(field.annotation, aliases) and not _shape_told(name, kind.doc):
                found.append(f"{kind.name}: {name}")
    return found


def _tensor_aliases(library: Library) -> re.Pattern[str]:
    """The names of types that are made of tensors."""
    names = {"no name"}
    for module in library.modules.values():
        for node in module.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp):
                names |= {ast.unparse(node.targets[0])} if TENSOR.search(ast.unparse(node.value)) else set()
    return re.compile(rf"\b(?:{'|'.join(sorted(names))})\b")


def _tensors(annotation: ast.expr | None, aliases: re.Pattern[str]) -> int:
    """How many tensors an annotation names; one where it is an alias."""
    text = "" if annotation is None else ast.unparse(annotation)
    if text.startswith(("Callable", "type[")):
        return 0
    return len(TENSOR.findall(text)) or int(bool(aliases.search(text)))


def _shape_told(name: str, doc: str) -> bool:
    """Whether a name tells its shape, or the docstring does in a sentence or an entry about it."""
    if SHAPED.search(name):
        return True
    if (entry := entries(doc, *ARGUMENTS, "Attributes").get(name)) is not None:
        return bool(SHAPE.search(entry))
    parts = re.split(r"(?<=[.;])\s|\n\s*\n|\n(?=\s*\w+  )", doc)
    return any(re.search(rf"\b{name}\b.*?(?:{SHAPE.pattern})", part, re.DOTALL) for part in parts)


def unexplained(library: Library) -> list[str]:
    """Letters in names of arguments and results that no class, module or package explains; for a model, its class."""
    found, models = [], {one.name for one in encoders(library)}
    for one in public(library):
        names = [argument.arg for argument in one.arguments] + re.findall(r"\b[a-z]\w*_\w+", one.doc)
        suffixes = "".join(end[1] for name in names if (end := SHAPED.search(name)))
        heads = [one.owner.doc] if one.owner else []
        if one.owner is None or one.owner.name not in models:
            heads += [library.modules[name].doc for name in one.module.packages if name in library.modules]
        for axis in sorted(set(filter(str.isalpha, suffixes))):
            if not any(re.search(rf"\b{axis}\b", head) for head in heads):
                found.append(f"{one.name}: {axis}")
    return found


def silent(library: Library) -> list[str]:
    """Errors that a function raises and its "Raises:" does not name; and names there that are no errors."""
    found = []
    for one in public(library):
        said = [name.split(".")[-1] for name in entries(doc_of(library, one), "Raises")]
        found += [f"{one.name}: {name} is no error" for name in said if not library.is_error(name)]
        for name in sorted(library.raised(one)):
            if not any(library.is_a(name, kind) for kind in said):
                found.append(f"{one.name}: {name}")
    return found


def encoders(library: Library) -> Iterator[Class]:
    """The models that users name: encoders in files without an underscore in front."""
    for one in public_classes(library):
        above = [base.name for base in library.ancestors(one)][1:]
        if "models._base.Encoder" in above and "._" not in one.module.name:
            yield one


def unsourced(library: Library) -> list[str]:
    """Modules with the arithmetic of a published network, and models, that name no paper and place in it."""
    found = [one.name for one in encoders(library) if not SOURCE.search(one.doc)]
    for module in library.modules.values():
        calls = (node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call))
        names = {to.attr for to in calls if isinstance(to, ast.Attribute)}
        if (names & PUBLISHED or "_t = " in module.doc) and not SOURCE.search(module.doc):
            found.append(module.name)
    return found


def unranged(library: Library) -> list[str]:
    """Arguments of encoders that their class does not document, or without limits and choices that settings check."""
    found = []
    for one in encoders(library):
        said, limits = entries(one.doc, *ARGUMENTS), _limits(library, one)
        for name in _keywords(library, one):
            if name not in said:
                found.append(f"{one.name}: {name}")
            for value in limits.get(name, ()) if name in said else ():
                if not re.search(rf"(?<![\w.]){re.escape(value)}(?!\w)", said[name]):
                    found.append(f"{one.name}: {name}: {value}")
    return found


def unmeasured(library: Library) -> list[str]:
    """Arguments and fields that count something, without a word of what."""
    found = []
    for one in public(library):
        doc = doc_of(library, one)
        names = [argument.arg for argument in one.arguments if _counts(argument.annotation)]
        found += [
            f"{one.name}: {name}" for name in names if MEASURED.search(name) and not _unit_told(name, doc)
        ]
    for kind in public_classes(library):
        names = [name for name, field in kind.fields.items() if _counts(field.annotation)]
        found += [
            f"{kind.name}: {name}"
            for name in names
            if MEASURED.search(name) and not _unit_told(name, kind.doc)
        ]
    return found


def _counts(annotation: ast.expr | None) -> bool:
    return annotation is not None and bool(re.match(r"(int|float)\b", ast.unparse(annotation)))


def _unit_told(name: str, doc: str) -> bool:
    lines = re.split(r"\n(?=\s*\w+(?::|  ))|(?<=[.;])\s", doc)
    return bool(UNIT.search(name)) or any(
        UNIT.search(line) for line in lines if re.search(rf"\b{name}\b", line)
    )


def _keywords(library: Library, one: Class) -> Iterator[str]:
    """The arguments of a constructor, those of a TypedDict that it unpacks too."""
    made = library.method(one, "__init__")
    assert made is not None
    for argument in made.arguments[1:]:
        unpacked = (
            re.fullmatch(r"Unpack\[(\w+)\]", ast.unparse(argument.annotation))
            if argument.annotation
            else None
        )
        options = (
            library.classes[library.meaning(made.module, unpacked[1])].fields if unpacked else [argument.arg]
        )
        yield from options


def _limits(library: Library, one: Class) -> dict[str, list[str]]:
    """Of every setting of an encoder the numbers of its limits, and its choices."""
    for owner in library.ancestors(one):
        for part in owner.node.body:
            if isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "Config":
                settings = library.classes[library.meaning(owner.module, ast.unparse(part.value))]
                return {name: list(_limits_of(field)) for name, field in settings.fields.items()}
    return {}


def _limits_of(field: ast.AnnAssign) -> Iterator[str]:
    if isinstance(field.value, ast.Call):
        bounds = [bound for bound in field.value.keywords if bound.arg in {"ge", "gt", "le", "lt"}]
        yield from (ast.unparse(bound.value) for bound in bounds)
    for part in ast.walk(field.annotation):
        if isinstance(part, ast.Subscript) and ast.unparse(part.value) == "Literal":
            yield from (str(one.value) for one in ast.walk(part.slice) if isinstance(one, ast.Constant))


RULES = (undocumented, shapeless, unexplained, silent, unsourced, unranged, unmeasured)
