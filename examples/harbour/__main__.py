"""`python -m examples.harbour` serves it."""

from examples.harbour.app import app

if __name__ == "__main__":
    app.run()
