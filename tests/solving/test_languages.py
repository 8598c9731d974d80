"""Other languages than Python: refused where a problem asks for one, not where it mentions one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring.errors import DataError
from sparring.solving.problems.problem import read_problem

ASKS = {
    "Write a Rust function that adds two numbers.\n": "Rust",
    "Implement a stack in Go.\n\nIt has push and pop.": "Go",
    "Write a program in C++ that reads n and prints n * n.\n": "C++",
    "Please write this in JavaScript.\nRead n.": "JavaScript",
    "Solve in Java:\n\nRead n and print n.\n": "Java",
    "Write a C program to print the sum.\n": "C",
    "Write an SQL query that finds all users.\n": "SQL",
    "Write a simple recursive Haskell function that adds.\n": "Haskell",
    "Write a program to add two numbers in Java.\n": "Java",
    "Translate this Python function to Rust:\n\ndef f(x):\n    return x\n": "Rust",
    "Language: Kotlin\n\nRead n.\n": "Kotlin",
    "The solution must be written in Swift.\n": "Swift",
    "Complete the code.\n\n```java\nclass Solution {\n}\n```\n": "Java",
    "fn add(a: i32, b: i32) -> i32 {\n}\n\nAdd.\n": "Rust",
    "#include <vector>\nusing namespace std;\nint add(int a, int b) {\n": "C++",
    "public static int add(int a, int b) {\n}\n": "Java",
    "func add(a int, b int) int {\n}\n": "Go",
    "const add = (a, b) => {\n};\n": "JavaScript",
}
MENTIONS = (
    "Count the lines of Java code in the input.\n",
    "Write a function `f(s)` that returns True if s is a Rust identifier.\n\n",
    "Write a Python program that tokenizes C++ code.\n",
    "Write a program that tokenizes C++ code.\n",
    "Write a program that counts keywords in Java.\n",
    "Write a function `f(s)` that sorts strings as in Go.\n\n",
    "Print the number of elements in C.\nThe set C is given.",
    "Go to the next line. Read R and C, the rows and the columns.\n",
    "Given a list of languages such as Java, Rust and Perl, print the longest name.\n",
    "Translate this Java program to Python:\n\n```java\nint f(int x) { return x; }\n```\n",
    "Rust spreads on a grid. Print how far it has come.\n",
    "def f(code):\n    '''Count the words `func` in Go code.'''\n",
    "Ruby has n gems. In C days she sells R of them. Write a program to count the rest.\n",
    "Write a program that prints how many R and C are in the text.\n",
)


@pytest.mark.parametrize("text", ASKS)
def test_a_problem_for_another_language_is_refused_by_name(text: str) -> None:
    with pytest.raises(DataError) as error:
        read_problem(text)
    assert f"asks for {ASKS[text]}" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", MENTIONS)
def test_a_problem_that_mentions_a_language_is_not_refused(text: str) -> None:
    read_problem(text)


def test_a_mention_is_noted() -> None:
    notes = read_problem("Count the lines of Java code in the input.\n").notes
    assert "the text mentions Java; the program will be Python" in notes
    assert not [n for n in read_problem("Read R and C.\n").notes if "mentions" in n]


@pytest.mark.parametrize(("name", "language"), [("a.java", "Java"), ("b.rs", "Rust"), ("c.C", "C")])
def test_a_file_of_another_language_is_refused(name: str, language: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text("Read n.\n")
    with pytest.raises(DataError, match=f"is a file of {language}; Sparring writes and runs"):
        read_problem(file)
