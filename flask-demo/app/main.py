"""The course's application: one page that says hello."""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    """Answer as the course expects it."""
    return "Hello World from Flask"
