"""Statements of contests as people paste them, with the examples that are in them."""

from __future__ import annotations

CODEFORCES = """\
A. Halves
time limit per test: 2 seconds
memory limit per test: 512 megabytes

Vasya has n sticks. Print how many pairs he can make.

Input
The first line contains one integer n (1 ≤ n ≤ 100).

The second line contains n integers, the lengths of the sticks.

Output
Print one integer, the number of pairs.

Examples
Input
3
1 1 2
Output
1
Input
4
5 5 5 5
Output
2
Note
In the first example the sticks 1 and 1 make a pair.
"""
CODEFORCES_COPIED = """\
Print the sum.

Example
inputCopy
2
1 2
outputCopy
3
Note
1 + 2 = 3.
"""
CODECONTESTS = """\
Find the largest number.

Input

The first line contains n. The second line contains the numbers of the row.

Output

Print the largest number of the row.

Examples

Input

3
4 9 2


Output

9


Input

1
7


Output

7

Note

The first row has three numbers.
"""
APPS = """\
You are given a string. Print it backwards.

-----Input-----

The only line contains the string s of letters.

-----Output-----

Print the reversed string in one line.

-----Examples-----
Input
abc

Output
cba

Input
hello world out there

Output
ereht tuo dlrow olleh

-----Note-----

Nothing to say about this one.
"""
ATCODER = """\
Problem Statement

You are given N and K. Print the answer.

Constraints

- 1 <= N <= 10

Input

The input is given from Standard Input in the following format:

N K

Output

Print the answer in one line, please.

Sample Input 1

8 6

Sample Output 1

12

For example, the sequence can be made in twelve ways by the rule.

Sample Input 2

1 1

Sample Output 2

0
"""
ATCODER_MARKDOWN = """\
# A - Sum

## Input

```
N
```

## Output

Print the sum.

### Sample Input 1

```
3
1 2 3
```

### Sample Output 1

```
6
```

The numbers 1, 2 and 3 have the sum 6.

### Sample Input 2

```
1
5

```

### Sample Output 2

```
5
```
"""
HACKERRANK = """\
Read two integers and print their product.

**Input Format**

Two lines, each with an integer.

**Output Format**

The product of both.

**Sample Input 0**

```
3
4
```

**Sample Output 0**

```
12
```

**Explanation 0**

3 times 4 is 12.
"""
ONE_FENCE = """\
Double the number that is read.

Example:

```
Input:
21
Output:
42
```
"""
INLINE = """\
Print the larger of two numbers.

Example 1:
Input: 3 8
Output: 8

Example 2:
Input: -1 -4
Output: -1
"""
PLAIN = """\
Read n, then n numbers, and print their sum.

Input:
3
1 2 3

Output:
6
"""
BOLD = """\
Print the number of words.

**Example**

**Input:**
one two three
**Output:**
3
"""
QUOTED = """\
> Sample Input
> 5
> Sample Output
> 25
"""

HTML = """\
### **Input**

<p>
The input is given from Standard Input in the following format:
</p>

<div>

$S$
</div>

### **Sample Input 1**

<div>

1+2*34

</div>

</section>

### **Sample Output 1**

<div>

197

</div>

<p>
The cases where the sum is not zero are as follows:
</p>
"""
PAT = """\
> ## Output Specification:
> For each case, simply output the position, or -1 instead.
> ## Sample Input 1:
```
11111 22222 9
67890 i 00002
```
> ## Sample Output 1:
```
67890
```
"""
CODE_STUDIO = """\
Line 2 : Two integers v1 and v2 (separated by space)
Output Format :
true or false
Constraints :
0 <= v1, v2 <= 9
Sample Input 1 :
4 4
0 1
Sample Output 1 :
true
Sample Input 2 :
6 3
5 3
Sample Output 2 :
false
"""
BOXED = """\
Draw the box.

Sample Input
> <
><
Sample Output
>> <<
"""
HDU = """\
Problem Description
Calculate A + B.

Input
Each line will contain two integers A and B. Process to end of file.

Output
For each case, output A + B in one line.

Sample Input
1 1
2 3

Sample Output
2
5

Author
Somebody
"""
DMOJ = """\
## Input Specification

One integer N.

## Output Specification

Its square.

## Sample Input 1

    4

## Output for Sample Input 1

    16

## Explanation of Output for Sample Input 1

4 squared.
"""
LIVECODEBENCH = """\
Input

The input is given from Standard Input in the following format:
A B

Output

Print the answer.

Sample Input 1

1 2

Sample Output 1

3

The sum is 3.

Sample Input 2

5 5

Sample Output 2

10
"""
EXPECTED_OUTPUT = """\
Add.

Test Case 1
Input:
1 2
Expected Output:
3

Test Case 2
Input:
4 4
Expected Output:
8
"""
COPY_BUTTONS = """\
Sample Input 1 Copy
Copy
1 2
Sample Output 1 Copy
Copy

3
"""
SENTENCES = """\
Sample Input 1
3
Sample Output 1
There are 3.
There were 4.
"""

READ = {
    "hdu": (HDU, [("1 1\n2 3\n", "2\n5\n")]),
    "dmoj": (DMOJ, [("4\n", "16\n")]),
    "livecodebench": (LIVECODEBENCH, [("1 2\n", "3\n"), ("5 5\n", "10\n")]),
    "expected output": (EXPECTED_OUTPUT, [("1 2\n", "3\n"), ("4 4\n", "8\n")]),
    "copy buttons": (COPY_BUTTONS, [("1 2\n", "3\n")]),
    "sentences": (SENTENCES, [("3\n", "There are 3.\nThere were 4.\n")]),
    "codeforces": (CODEFORCES, [("3\n1 1 2\n", "1\n"), ("4\n5 5 5 5\n", "2\n")]),
    "codeforces copied": (CODEFORCES_COPIED, [("2\n1 2\n", "3\n")]),
    "codecontests": (CODECONTESTS, [("3\n4 9 2\n", "9\n"), ("1\n7\n", "7\n")]),
    "apps": (
        APPS,
        [("abc\n", "cba\n")],  # the second looks like a sentence
    ),
    "atcoder": (ATCODER, [("8 6\n", "12\n"), ("1 1\n", "0\n")]),
    "atcoder in Markdown": (ATCODER_MARKDOWN, [("3\n1 2 3\n", "6\n"), ("1\n5\n\n", "5\n")]),
    "hackerrank": (HACKERRANK, [("3\n4\n", "12\n")]),
    "one fence": (ONE_FENCE, [("21\n", "42\n")]),
    "inline": (INLINE, [("3 8\n", "8\n"), ("-1 -4\n", "-1\n")]),
    "plain": (PLAIN, [("3\n1 2 3\n", "6\n")]),
    "bold": (BOLD, [("one two three\n", "3\n")]),
    "html": (HTML, [("1+2*34\n", "197\n")]),
    "pat": (PAT, [("11111 22222 9\n67890 i 00002\n", "67890\n")]),
    "code studio": (CODE_STUDIO, [("4 4\n0 1\n", "true\n"), ("6 3\n5 3\n", "false\n")]),
    "boxed": (BOXED, [("> <\n><\n", ">> <<\n")]),
    "quoted": (QUOTED, [("5\n", "25\n")]),
}
"""Statements, and the examples that have to be read in them."""

REFUSED = {
    "all inputs first": "Add.\n\nSample Input\n3\nSample Input\n4\n"
    "Sample Output\n6\nSample Output\n8\n",
    "numbered inputs first": "Add.\n\nSample Input 1\n3\nSample Input 2\n4\n"
    "Sample Output 1\n6\nSample Output 2\n8\n",
    "outputs first": "Add.\n\nSample Output 1\n6\nSample Input 1\n3\n"
    "Sample Output 2\n8\nSample Input 2\n4\n",
    "a sentence below": "Add.\n\nSample Input 1\n1 2\nSample Output 1\n3\nIt is 3.\n",
    "a reason below": "Add.\n\nSample Input 1\n3\nSample Output 1\n6\nsince 3*2\n",
    "an equation below": "Add.\n\nSample Input 1\n3\nSample Output 1\n6\n3 + 2 + 1 = 6\n",
    "brackets below": "Add.\n\nSample Input\n5\n1 2\n(see file)\nSample Output\n15\n",
    "an equation behind": "Add.\n\nSample Input\n5\nSample Output\n15 (1+2+3+4+5 = 15)\n",
    "cut short": "Add.\n\nSample Input 1\n3\nSample Output 1\n1 2 3 ...\n",
    "a form of rows": "Input\nn\na1 a2 ... an\n\nOutput\nx1\n",
    "any valid": "For each i print an integer denoting any valid p.\n\n"
    "**Sample Input 0**\n\n```\n3\n```\n\n**Sample Output 0**\n\n```\n2\n```\n",
    "blank line in an input": "Add.\n\nSample Input\n1\n\n2\nSample Output\n3\n",
    "label in an output": "Add.\n\nSample Input 1:\n15\nSample Output 1:\n4\nBecause of this:\n3\n",
    "any answer": "Print any divisor of n.\n\nSample Input\n6\nSample Output\n3\n",
    "two columns": "Add.\n\nSample Input 1 | Sample Output 1\n1 2 | 3\n",
    "headings side by side": "Add.\n\nSample 1:\nInput\nOutput\n1 2\n3\n",
    "unclear end": "Add.\n\nSample Input\n1 2\n\nSample Output\n3\n\nso: 3\n",
    "no output": "Add.\n\nSample Input\n1 2\n",
    "names with values": "Add.\n\nExample\nInput: a = 1, b = 2\nOutput: 3\n",
    "two blocks": "Add.\n\nSample Input\n```\n1\n```\n```\n2\n```\nSample Output\n3\n",
    "two outputs": "Add.\n\nSample Input\n1\nSample Output\n2\nSample Input\n1\nSample Output\n3\n",
    "interactive": "This is an interactive problem.\n\nSample Input\n1\nSample Output\n2\n",
}
"""Statements whose examples may not be read."""

FORMS_ONLY = """\
Count the trees.

Input
The first line contains two integers n and m of the park.

Output
Print one integer, the number of trees in the park.
"""
"""Statement whose sections describe the forms alone."""
