"""A site whose members log in by password or passkey. `python -m examples.members` serves it on http://localhost:8000.

app.py        the application: read this first
accounts.py   who the members are, and their passwords
templates/    the pages
static/       their style, and what the browser does with passkeys

It needs `pip install 'nacre[jinja,sessions,passwords,passkeys]'`.
"""
