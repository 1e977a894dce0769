"""Lesson 10: CUE. The answers are texts of CUE; no cluster is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oamkit import cue
from oamkit.lesson.exercising import (
    Look,
    Verdict,
    Wrong,
    correct,
    exercise,
    incorrect,
    not_attempted,
)
from oamkit.show import Text

LIMITS = cue.Limits(seconds=30, memory=256 << 20, output=1 << 20)
_NOTHING = "There is no answer yet: give check() a text of CUE."


def of_cue(check: Callable[[str], Verdict]) -> Callable[[Look, object], Verdict]:
    """Make a check of an answer that must be CUE; what CUE finds wrong with it is the learner's to see."""

    def examine(look: Look, answer: object) -> Verdict:  # noqa: ARG001 - an exercise's check
        if not isinstance(answer, str | Text) or not str(answer).strip():
            return not_attempted(
                _NOTHING,
                "The task's own words say which names it must have.",
                'In the cell above, write answer = r"""…""", or let it begin with %%cue --save answer.',
            )
        try:
            cue.vet(str(answer), concrete=False, limits=LIMITS)
        except cue.CueLimitError:
            raise  # the machine may be busy: that says nothing of the answer
        except cue.CueError as error:
            return incorrect(
                f"CUE doesn't take your answer:\n{error.message}", "The mark shows the place."
            )
        return check(str(answer))

    examine.__name__, examine.__module__, examine.__doc__ = (
        check.__name__,
        check.__module__,
        check.__doc__,
    )
    return examine


def _fits(source: str, name: str, value: object) -> bool:
    """Whether CUE takes a value as one of a definition."""
    try:
        cue.vet(source, value, schema=name, limits=LIMITS)
    except cue.CueLimitError:
        raise
    except cue.CueError:
        return False
    return True


def value_of(source: str, expression: str, data: Any = None) -> Any:  # noqa: ANN401 - whatever CUE makes
    """Return a part of an answer's value; ``None`` if it has no value."""
    try:
        return cue.evaluate(source, expression=expression, data=data, limits=LIMITS)
    except cue.CueLimitError:
        raise
    except cue.CueError:
        return None


@exercise(
    "10.1",
    title="A definition",
    solution='''answer = """
#Server: {
	host!: =~"^[a-z]+$"
	port:  int & >=1 & <=65535 | *8080
	tls?:  bool
}
"""''',
    wrong=(
        Wrong("an open struct", 'answer = "Server: {host: string}"', hint="begins with"),
        Wrong(
            "any text",
            'answer = "#Server: {host!: string, port: int & >=1 & <=65535 | *8080, tls?: bool}"',
            hint="Capital",
        ),
        Wrong(
            "no default",
            'answer = "#Server: {host!: =~\\"^[a-z]+$\\", port: int & >=1 & <=65535, tls?: bool}"',
            hint="carry a mark",
        ),
        Wrong(
            "a port of any size",
            'answer = "#Server: {host!: =~\\"^[a-z]+$\\", port: *8080 | int, tls?: bool}"',
            hint="bounds",
        ),
        Wrong(
            "more fields",
            'answer = "#Server: {host!: =~\\"^[a-z]+$\\", port: int & >=1 & <=65535 | *8080, tls?: bool, ...}"',
            hint="three dots",
        ),
    ),
)
@of_cue
def definition(answer: str) -> Verdict:
    """It takes what is right, refuses what isn't, and fills in the port."""
    name = "#Server"
    if value_of(answer + "\n_is: #Server\nfound: true", "found") is not True:
        return incorrect(
            "There is no #Server in your answer.", "A definition's name begins with a sign."
        )
    if not _fits(answer, name, {"host": "web", "port": 80, "tls": True}):
        return incorrect(
            "A server web with port 80 and tls is refused.", "Which of the three fields refuses it?"
        )
    if value_of(f'{answer}\n_it: #Server & {{host: "web"}}\nport: _it.port', "port") != 8080:
        return incorrect(
            "The port of a server that has only a host isn't settled, or another one.",
            "One of the values in a choice can carry a mark: it counts when nobody says anything.",
        )
    checks = (
        ({"port": 80}, "A server without a host is taken.", "A mark after a name says that it must be given."),
        ({"host": "WEB"}, "The host WEB is taken.", "Capital letters aren't small ones: a text can be matched."),
        ({"host": "web1"}, "The host web1 is taken.", "A match may be anywhere in a text, unless it is tied to both ends."),
        ({"host": "web", "port": 0}, "The port 0 is taken.", "A number can have bounds, at both ends."),
        ({"host": "web", "port": 70000}, "The port 70000 is taken.", "A number can have bounds, at both ends."),
        ({"host": "web", "port": 80.5}, "The port 80.5 is taken.", "There is a type for whole numbers."),
        ({"host": "web", "tls": "yes"}, "The tls 'yes' is taken.", "There is a type for true and false."),
        ({"host": "web", "prot": 80}, "A field that isn't mentioned is taken.", "Definitions are closed; three dots open them again."),
    )  # fmt: skip
    for value, seen, hint in checks:
        if _fits(answer, name, value):
            return incorrect(seen, hint)
    return correct("It takes what is right, and refuses what isn't.")


_SERVICES = {
    name: {"image": f"registry.shop.example/{name}", "owner": "team-a"}
    for name in ("web", "cart", "mailer")
}


@exercise(
    "10.2",
    title="Say it once",
    solution='''answer = r"""
services: [Name=string]: {
	image: "registry.shop.example/\\(Name)"
	owner: "team-a"
}
services: {web: {}, cart: {}, mailer: {}}
"""''',
    wrong=(
        Wrong(
            "as it was",
            'answer = """services: {\n\tweb: {image: "registry.shop.example/web", owner: "team-a"}\n'
            '\tcart: {image: "registry.shop.example/cart", owner: "team-a"}\n'
            '\tmailer: {image: "registry.shop.example/mailer", owner: "team-a"}\n}"""',
            hint="every field",
        ),
        Wrong(
            "a list of three",
            'answer = \'services: {for n in ["web", "cart", "mailer"] {"\\\\(n)": {image: "registry.shop.example/\\\\(n)", owner: "team-a"}}}\'',
            hint="fourth",
        ),
        Wrong(
            "one name missing",
            'answer = \'services: [N=string]: {image: "registry.shop.example/\\\\(N)", owner: "team-a"}\\nservices: {web: {}, cart: {}}\'',
            hint="three services",
        ),
    ),
)
@of_cue
def once(answer: str) -> Verdict:
    """The same value, each text once, and a fourth service by its name alone."""
    found = value_of(answer, "services")
    if found != _SERVICES:
        return incorrect(
            "Your services have another value than those of the task.",
            "There are three services, each with an image and an owner: cue.evaluate(answer) shows yours.",
        )
    for text in ('"team-a"', "registry.shop.example/"):
        if answer.count(text) > 1:
            return incorrect(
                f"{text} stands there {answer.count(text)} times.",
                "Something can be said of every field of a struct, whatever its name.",
                "That something can also catch the name, and use it.",
            )
    more = value_of(answer + "\nservices: search: {}", "services.search")
    if more != {"image": "registry.shop.example/search", "owner": "team-a"}:
        return incorrect(
            "A fourth service that is only named has no image and owner.",
            "The fourth isn't in your list. Say it of every field instead, whatever its name.",
        )
    return correct("Each thing is said once, and a fourth service is one word.")


@exercise(
    "10.3",
    title="From one value to another",
    solution='''answer = r"""
servers: [string]: {host: string, port: int}
urls: [for each in servers if each.port != 443 {"http://\\(each.host):\\(each.port)"}]
"""''',
    wrong=(
        Wrong(
            "all of them",
            "answer = 'servers: [string]: {host: string, port: int}\\nurls: [for s in servers {\"http://\\\\(s.host):\\\\(s.port)\"}]'",
            hint="condition",
        ),
        Wrong(
            "fields, no list",
            'answer = \'servers: [string]: {host: string, port: int}\\nurls: {for n, s in servers if s.port != 443 {"\\\\(n)": "http://\\\\(s.host):\\\\(s.port)"}}\'',
            hint="brackets",
        ),
        Wrong("by hand", "answer = 'urls: [\"http://a:80\"]\\nservers: _'", hint="other servers"),
    ),
)
@of_cue
def comprehension(answer: str) -> Verdict:
    """The list follows from whatever servers are given."""
    one = {"servers": {"a": {"host": "a.example", "port": 80}}}
    found = value_of(answer, "urls", one)
    if found is None:
        return incorrect(
            "With one server given there is no settled value 'urls'.",
            "Try it: cue.evaluate(answer, data={'servers': …}) says what is missing.",
        )
    if not isinstance(found, list):
        return incorrect(
            f"'urls' is {found!r}, which is no list.",
            "Square brackets make a list, braces a struct.",
        )
    if found != ["http://a.example:80"]:
        return incorrect(
            f"For the server a.example with port 80, urls is {found!r}.",
            "It must follow from the servers that are given: other servers will come.",
        )
    two = {"servers": {**one["servers"], "b": {"host": "b.example", "port": 443}}}
    if value_of(answer, "urls", two) != found:
        return incorrect(
            "A server with the port 443 is in the list, too.",
            "Between what is gone through and what is made, there may be a condition.",
        )
    three = {"servers": {**two["servers"], "c": {"host": "c.example", "port": 8080}}}
    if value_of(answer, "urls", three) != ["http://a.example:80", "http://c.example:8080"]:
        return incorrect("With three servers the list isn't right.", "Go through all of them.")
    return correct("The list follows from whatever is given.")


@exercise(
    "10.4",
    title="A rule between two fields",
    bonus=True,
    solution='''answer = """
#Service: {
	size:     *"small" | "big"
	replicas: int | *1
	if size == "big" {
		replicas: <=2
	}
}
"""''',
    wrong=(
        Wrong(
            "no rule",
            'answer = \'#Service: {size: *"small" | "big", replicas: int | *1}\'',
            hint="under a condition",
        ),
        Wrong(
            "a rule for all",
            'answer = \'#Service: {size: *"small" | "big", replicas: int & <=2 | *1}\'',
            hint="small one",
        ),
        Wrong(
            "no defaults",
            'answer = \'#Service: {size: "small" | "big", replicas: int}\'',
            hint="default",
        ),
    ),
)
@of_cue
def rule(answer: str) -> Verdict:
    """What is big has at most two replicas; what is small any number."""
    name = "#Service"
    if value_of(answer + "\n_is: #Service\nfound: true", "found") is not True:
        return incorrect("There is no #Service in your answer.", "Its name begins with a sign.")
    both = value_of(answer + "\n_it: #Service\nit: {size: _it.size, replicas: _it.replicas}", "it")
    if both != {"size": "small", "replicas": 1}:
        return incorrect(
            "A service of which nothing is said isn't small with one replica.",
            "Both fields have a default.",
        )
    if not _fits(answer, name, {"size": "small", "replicas": 9}):
        return incorrect(
            "A small one with nine replicas is refused.", "A small one may have any number."
        )
    if not _fits(answer, name, {"size": "big", "replicas": 2}):
        return incorrect("A big one with two replicas is refused.", "Two are allowed.")
    if _fits(answer, name, {"size": "big", "replicas": 3}):
        return incorrect(
            "A big one with three replicas is taken.",
            "A field can be said again under a condition: there, more is asked of it.",
        )
    if _fits(answer, name, {"size": "small", "weight": 1}):
        return incorrect(
            "Other fields are taken, too.", "Definitions are closed, unless dots open them."
        )
    return correct("Big ones have at most two, small ones as many as you like.")
