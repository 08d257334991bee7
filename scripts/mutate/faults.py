# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Small faults for a C file, found by its tokens. What does not compile is sorted out later."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    path: str
    function: str
    line: int
    kind: str
    start: int  # text[start:end] becomes `new`
    end: int
    new: str
    before: str  # the lines touched, in one, without and with the fault
    after: str
    nth: int = 0  # of those that read the same

    @property
    def key(self):
        return f"{self.path}: {self.function}()", self.before, self.after

    def apply(self, text):
        return text[: self.start] + self.new + text[self.end :]


HIDDEN = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' |
        ^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*""",
    re.X | re.S | re.M,
)
TOKEN = re.compile(
    r"""[A-Za-z_]\w* | \d[\w.]* | <<= | >>= | \.\.\. | -> | \+\+ | -- | << | >> | [-+*/%&|^<>=!]= |
        && | \|\| | \S""",
    re.X,
)
WORD = re.compile(r"[A-Za-z_]\w*$")
VALUE_END = re.compile(r"[\w)\]]+$")  # before a binary operator
TYPES = set(
    """auto bool char const double enum extern float int int8_t int16_t int32_t int64_t long pid_t
       register short signed size_t ssize_t static struct typedef uint8_t uint16_t uint32_t uint64_t
       uintptr_t
       union unsigned va_list void volatile _Static_assert BPFRING_OPTS __u32 __u64""".split()
)
ENDS = re.compile(r"close|free|fini|munmap|destroy|unlock|_del$|_delete$|remove|forget|unlink")
ORDERS = re.compile(
    r"(__ATOMIC_|memory_order_)(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST|acquire|release|acq_rel|seq_cst)$"
)
SWAPS = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "&&": "||",
    "||": "&&",
    "+": "-",
    "-": "+",
    "<<": ">>",
    ">>": "<<",
    "&": "|",
    "|": "&",
    "+=": "-=",
    "-=": "+=",
    "true": "false",
    "false": "true",
}
KINDS = {
    "<": "compare",
    "<=": "compare",
    ">": "compare",
    ">=": "compare",
    "==": "compare",
    "!=": "compare",
    "&&": "and-or",
    "||": "and-or",
    "true": "value",
    "false": "value",
}


class Scanner:
    """Walks through the statements of every function and notes what can be done to them."""

    def __init__(self, path, text):
        self.path, self.text, self.faults = path, text, []
        masked = HIDDEN.sub(
            lambda m: re.sub(r"[^\n]", " ", m[0])
            if m[0][0] not in "\"'"
            else m[0][0] + "0" * (len(m[0]) - 2) + m[0][0],
            text,
        )
        self.masked = masked
        self.tokens = [(m[0], m.start(), m.end()) for m in TOKEN.finditer(masked) if m[0]]
        self.function = ""

    def tok(self, i):
        return self.tokens[i][0] if 0 <= i < len(self.tokens) else ""

    def close(self, i):
        """The index of the bracket that closes the one at i."""
        depth = 0
        while i < len(self.tokens):
            depth += (self.tok(i) in "([{") - (self.tok(i) in ")]}")
            if not depth:
                return i
            i += 1
        return i - 1

    def add(self, kind, start, end, new):
        text = self.text
        left = text.rfind("\n", 0, start) + 1
        right = text.find("\n", end)
        line = text.count("\n", 0, start) + 1
        before = " ".join(text[left:right].split())
        after = " ".join((text[left:start] + new + text[end:right]).split())
        nth = sum(f.key == (f"{self.path}: {self.function}()", before, after) for f in self.faults)
        self.faults.append(
            Fault(self.path, self.function, line, kind, start, end, new, before, after, nth)
        )

    def span(self, i, j):
        return self.tokens[i][1], self.tokens[j][2]

    def negate(self, i, j):
        if i <= j:
            start, end = self.span(i, j)
            self.add("negate", start, end, f"!({self.text[start:end]})")

    # Expressions: the tokens from i to j.
    def expression(self, i, j, condition=False):
        plain = condition and not any(self.tok(k) in ("&&", "||", "?") for k in range(i, j + 1))
        for k in range(i, j + 1):
            t, start, end = self.tokens[k]
            previous, following = self.tok(k - 1), self.tok(k + 1)
            binary = bool(VALUE_END.match(previous)) and previous not in (
                "return",
                "sizeof",
                "case",
            )
            if t == "?":
                self.negate(self.left_of(k, i), k - 1)
            elif ORDERS.match(t):
                relaxed = "RELAXED" if t.isupper() else "relaxed"
                self.add("order", start, end, ORDERS.match(t)[1] + relaxed)
            elif t in ("+", "-") and binary and following == "1":
                self.add("off-by-one", start, self.tokens[k + 1][2], t + " 0")
            elif t in ("==", "!=") and plain:
                continue  # the same as to negate it
            elif t in ("true", "false") or t in SWAPS and binary:
                self.add(KINDS.get(t, "arithmetic"), start, end, SWAPS[t])
            elif t in ("0", "1") and previous == "=":
                self.add("value", start, end, "1" if t == "0" else "0")

    def left_of(self, k, least):
        """Where the condition of the ?: at k begins."""
        depth, i = 0, k - 1
        while i >= least:
            t = self.tok(i)
            depth += (t in (")", "]", "}")) - (t in ("(", "[", "{"))
            if (
                depth < 0
                or not depth
                and t in ("=", "return", ",", ";", "?", ":", "+=", "-=", "|=")
            ):
                break
            i -= 1
        return i + 1

    # Statements: each returns the index behind it.
    def statement(self, i, last):
        t = self.tok(i)
        if t == "{":
            return self.block(i)
        if t in ("if", "while", "switch", "for"):
            head = self.close(i + 1)
            self.head(t, i + 2, head - 1)
            i = self.statement(head + 1, False)
            if t == "if" and self.tok(i) == "else":
                i = self.statement(i + 1, False)
            return i
        if t == "do":
            i = self.statement(i + 1, False)
            head = self.close(i + 1)
            self.head("while", i + 2, head - 1)
            return head + 2
        if t in ("case", "default") or WORD.match(t) and self.tok(i + 1) == ":":
            while self.tok(i) != ":":
                i += 1
            return i + 1
        if WORD.match(t) and self.tok(i + 1) == "(" and self.tok(self.close(i + 1) + 1) == "{":
            return self.statement(self.close(i + 1) + 1, False)  # a macro that loops
        end = i
        while end < len(self.tokens) - 1 and self.tok(end) != ";":
            end = self.close(end) + 1 if self.tok(end) in "([{" else end + 1
        self.simple(i, end - 1, last)
        return end + 1

    def block(self, i):
        end = self.close(i)
        i += 1
        while i < end:
            i = self.statement(i, self.last_in_function(i, end))
        return end + 1

    def last_in_function(self, i, end):
        return (
            self.body_end == end
            and self.tok(i) == "return"
            and self.tok(end - 1) == ";"
            and not any(self.tok(k) == ";" for k in range(i, end - 1))
        )

    def head(self, word, i, j):
        if word == "for":
            parts = [k for k in range(i, j + 1) if self.tok(k) == ";"]
            if len(parts) != 2:
                return
            self.expression(i, parts[0] - 1)
            self.negate(parts[0] + 1, parts[1] - 1)
            self.expression(parts[0] + 1, parts[1] - 1, condition=True)
            self.expression(parts[1] + 1, j)
            return
        if word != "switch" and not (i == j and self.tok(i) in ("0", "1", "true")):
            self.negate(i, j)
        self.expression(i, j, condition=True)

    def simple(self, i, j, last):
        t = self.tok(i)
        if (
            j < i
            or t in ("_Static_assert", "__asm__", "asm")
            or self.tok(i) == "("
            and self.tok(i + 1) == "void"
        ):
            return
        start, end = self.span(i, j)
        if t in ("break", "continue", "goto"):
            self.add("jump", start, end, "")
            return
        if t == "return":
            if not last:
                self.add("return", start, end, "")
            result = self.tok(i + 1)
            code = j == i + 2 and result == "-" and self.tok(j).startswith("E")
            if code or j == i + 1 and result in ("err", "error"):
                self.add("result", self.tokens[i + 1][1], end, "0")
            self.expression(i + 1, j)
            return
        name = self.call(i, j)
        if name == "log_debug":
            return  # nobody is promised those lines
        if not self.declaration(i, j):
            if "fence" in name:
                kind = "order"
            elif name:
                kind = "drop-end" if ENDS.search(name) else "drop-call"
            else:
                kind = "drop-store"
            self.add(kind, start, end, "")
        self.expression(i, j)

    def call(self, i, j):
        """The name of the function if the statement is a call and nothing else."""
        k = i
        while k <= j and (WORD.match(self.tok(k)) or self.tok(k) in ("->", ".")):
            k += 1
        return self.tok(k - 1) if k > i and self.tok(k) == "(" and self.close(k) == j else ""

    def declaration(self, i, j):
        if self.tok(i) in TYPES:
            return True
        k = i + 1
        while self.tok(k) == "*":
            k += 1
        return bool(WORD.match(self.tok(i)) and WORD.match(self.tok(k))) and k <= j

    def scan(self):
        i, paren = 0, -1
        while i < len(self.tokens):
            t = self.tok(i)
            if t == "(":
                paren = i
                i = self.close(i) + 1
                continue
            if t == "{":
                if self.tok(i - 1) == ")" and paren > 0:
                    self.function = self.tok(paren - 1)
                    self.body_end = self.close(i)
                    self.block(i)
                elif self.tok(i - 1) == '"' or self.tok(i - 2) == "extern":
                    i += 1  # extern "C" {
                    continue
                i = self.close(i)
            i += 1
        return self.faults


def faults_of(path, text):
    return Scanner(path, text).scan()
