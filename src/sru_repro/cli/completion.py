"""sru-repro completion bash|zsh|fish      what makes TAB complete verbs, keys, values, rows and runs

    bash   eval "$(sru-repro completion bash)"            in ~/.bashrc
    zsh    eval "$(sru-repro completion zsh)"             in ~/.zshrc, behind compinit
    fish   sru-repro completion fish > ~/.config/fish/completions/sru-repro.fish

Hydra's `sru-repro train --shell-completion install=bash` prints the same.
"""

import os
import re
import shlex
from collections.abc import Iterable, Sequence

from ..core.closest import did_you_mean
from ..core.errors import ConfigError
from .completed import candidates

SCRIPTS = {
    "bash": r"""
_sru_repro() {
    local found
    COMPREPLY=()
    while IFS= read -r found; do
        COMPREPLY+=("$found")
    done < <(sru-repro completion complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
}
complete -o nospace -F _sru_repro sru-repro
""",
    "zsh": r"""
_sru_repro() {
    local -a found
    found=("${(@f)$(sru-repro completion complete zsh "${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)}")
    compadd -S '' -- "${(@M)found:#*[=./]}"
    compadd -- "${(@)found:#(*[=./]|)}"
}
compdef _sru_repro sru-repro
""",
    "fish": r"""
complete -c sru-repro -f -a '(sru-repro completion complete fish (commandline -cp | string collect) 2>/dev/null)'
""",
}
UNDONE = {
    "bash": "complete -r sru-repro",
    "zsh": "compdef -d sru-repro",
    "fish": "complete -c sru-repro -e",
}
_SPECIAL = re.compile(r"[^\w@%+=:,./{}~-]")


def run(args: Sequence[str]) -> int:
    """Prints a shell's script, or, for that script, what the end of a line may become."""
    if args[:1] == ["complete"]:
        shell, line, breaks = (*args[1:4], "", "", "")[:3]
        print("\n".join(_completed(shell, line, breaks)))
        return 0
    if len(args) != 1 or args[0] not in SCRIPTS:
        near = did_you_mean(args[0], SCRIPTS) if args else ""
        raise ConfigError(
            f"completion: expected bash, zsh or fish, found {' '.join(args) or 'nothing'}{near}"
        )
    print(SCRIPTS[args[0]].strip())
    return 0


def hydras(words: Sequence[str]) -> int:
    """What Hydra's flag --shell-completion is asked for: install=SHELL, uninstall=SHELL or query=SHELL.

    Raises:
        ConfigError: anything else.
    """
    what, _, shell = (words[0] if len(words) == 1 else "").partition("=")
    if shell in SCRIPTS and what in ("install", "uninstall"):
        print(SCRIPTS[shell].strip() if what == "install" else UNDONE[shell])
        return 0
    if shell in SCRIPTS and what == "query":
        return run(["complete", shell, os.environ.get("COMP_LINE", "")])
    raise ConfigError(
        f"--shell-completion: expected install=bash, install=zsh or install=fish, found {' '.join(words) or 'nothing'}"
    )


def _completed(shell: str, line: str, breaks: str) -> Iterable[str]:
    """What the last word of a line may become, as the shell wants it."""
    words, last = _words(line)
    ahead, quote = _ahead(line, breaks)
    for found in candidates(words, last):
        if shell == "bash":  # the others quote by themselves, and know where a word begins and ends
            found = found.removeprefix(ahead)
            if not quote:
                found = _SPECIAL.sub(lambda special: f"\\{special[0]}", found)
                found += "" if found.endswith(("=", "/", ".")) else " "
        yield found


def _ahead(line: str, breaks: str) -> tuple[str, str]:
    """What of the last word bash leaves as it is, and the quote that is open: it replaces what stands behind the last
    of its word breaks, such as the = of key=value, or behind an open quote."""
    ahead, since, quote, escaped = "", "", "", False
    for symbol in line:
        if escaped or (quote and symbol not in (quote, "\\")) or (quote == "'" and symbol != quote):
            since, escaped = since + symbol, False
        elif symbol == "\\":
            escaped = True
        elif symbol == quote:
            quote = ""
        elif symbol in "'\"":
            ahead, since, quote = ahead + since, "", symbol
        elif symbol.isspace():
            ahead = since = ""
        elif symbol in breaks:
            ahead, since = ahead + since + symbol, ""
        else:
            since += symbol
    return ahead, quote


def _words(line: str) -> tuple[list[str], str]:
    """The words of a line without the command's, and the one that is being written."""
    for closing in ("", "'", '"'):
        try:
            words = shlex.split(line + closing)
            break
        except ValueError:
            words = line.split()
    if not line or (line[-1].isspace() and not line.endswith("\\ ")):
        words.append("")
    return words[1:-1], words[-1]
