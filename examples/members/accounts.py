"""The members of the site. A real site keeps them in its database."""

from __future__ import annotations

from dataclasses import dataclass, field

from nacre.auth import Passwords


@dataclass
class Member:
    id: int
    name: str
    password: str = field(repr=False)
    balance: int = 1000


class Accounts:
    """Members by name and by number."""

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords
        self._members: dict[int, Member] = {}

    def add(self, name: str, password: str) -> Member:
        """A new member; the password is hashed, so it takes a moment."""
        member = Member(len(self._members) + 1, name, self._passwords.hash_sync(password))
        self._members[member.id] = member
        return member

    def get(self, number: int) -> Member | None:
        """The member of a number."""
        return self._members.get(number)

    async def check(self, name: str, password: str) -> Member | None:
        """The member of a name, if the password is right. It takes as long for a name that nobody has."""
        member = next((one for one in self._members.values() if one.name == name), None)
        right = await self._passwords.verify(password, member.password if member else None)
        return member if right else None
