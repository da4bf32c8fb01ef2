"""Chinese and English say the same: nothing left out of the catalogue, nothing broken in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from carbon_platform.console.pages_citizen import DEMO_PEOPLE

ROOT = Path(__file__).parents[2]
CONSOLE = ROOT / "carbon_platform" / "console"
PO = CONSOLE / "translations" / "en" / "LC_MESSAGES" / "messages.po"
CHINESE = re.compile(r"[\u4e00-\u9fff]+")
PLACEHOLDER = re.compile(r"%\(\w+\)s|%%|\{\w+\}")
TEMPLATES = sorted((CONSOLE / "templates").glob("*.html"))
# Calls that take a text in both languages, or translate it themselves.
PEOPLE = {person["name"] for person in DEMO_PEOPLE}  # keep their names
TRANSLATED_BY = {"_", "said", "NotFound"}


def messages() -> list[tuple[str, str]]:
    with PO.open("rb") as lines:
        return [(str(m.id), str(m.string)) for m in read_po(lines, locale="en") if m.id]


def test_every_text_is_translated_and_compiled() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "check_translations.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_placeholders_survive_translation() -> None:
    wrong = [
        (zh, en)
        for zh, en in messages()
        if sorted(PLACEHOLDER.findall(zh)) != sorted(PLACEHOLDER.findall(en))
    ]
    assert wrong == []


def test_english_texts_are_english() -> None:
    assert [en for _, en in messages() if CHINESE.search(en)] == []
    full_width = re.compile("[，。：；？！（）]")
    assert [en for _, en in messages() if full_width.search(en)] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_speaks_chinese_by_itself(template: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", template.read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r"\b_\(\s*('[^']*'|\"[^\"]*\")", "", text)
    text = text.replace('lang="zh-CN">中文</a>', "")  # the way back is named in its own language
    assert CHINESE.findall(text) == []


class Untranslated(ast.NodeVisitor):
    """Chinese string literals that no call translates and that stand beside no English."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in TRANSLATED_BY:
            for argument in (*node.args, *(k.value for k in node.keywords)):
                if not isinstance(argument, ast.Constant):
                    self.visit(argument)
            return
        self.generic_visit(node)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        texts = [item.value if isinstance(item, ast.Constant) else None for item in node.elts]
        if len(texts) == 2 and isinstance(texts[1], str) and not CHINESE.search(texts[1]):
            return  # a (zh, en) pair
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """An error says ``zh`` and ``en`` side by side."""
        named = {
            target.id: statement
            for statement in node.body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
        for statement in node.body:
            if not ({"zh", "en"} <= named.keys() and statement is named["zh"]):
                self.visit(statement)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and CHINESE.search(node.value) and node.value not in PEOPLE:
            self.found.append((node.lineno, node.value))


def test_python_of_the_pages_speaks_through_the_catalogue() -> None:
    wrong = {}
    # formats.py is handed the language, and 万 and 亿 are what it writes in Chinese.
    for path in sorted(set(CONSOLE.glob("*.py")) - {CONSOLE / "formats.py"}):
        visitor = Untranslated()
        visitor.visit(ast.parse(path.read_text(encoding="utf-8")))
        if visitor.found:
            wrong[path.name] = visitor.found
    assert wrong == {}
