"""A request as people paste it: into a shell, or into a file of Python."""

import json
import shlex

PYTHON = """\
{imports}
answer = httpx.post(
    {url},{headers}
    json={body!r},
)
answer.raise_for_status()
print(answer.json())"""


def curl(url: str, body: str = "", *, key_in: str = "") -> str:
    """`key_in` is the variable of the environment that holds the key, where one is needed."""
    words = [f"curl -s {url}"]
    if key_in:
        words.append(f'-H "Authorization: Bearer ${key_in}"')
    if body:
        words += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(body)}"]
    return " \\\n  ".join(words)


def python(url: str, body: str, *, key_in: str = "") -> str:
    """The same with httpx."""
    headers = f'\n    headers={{"Authorization": f"Bearer {{os.environ[\'{key_in}\']}}"}},'
    return PYTHON.format(
        imports="import os\n\nimport httpx\n" if key_in else "import httpx\n",
        url=json.dumps(url),
        headers=headers if key_in else "",
        body=json.loads(body),
    )
