"""An invited one with a browser, as a command: opens the link, makes a passkey, signs in, and sees what waits."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

from tests.e2e.browser import Person, chromium


def main(link: str) -> None:
    parts = urlsplit(link)
    with chromium() as browser:
        person = Person(browser, f"{parts.scheme}://{parts.netloc}")
        person.join(link)
        person.sign_in()
        person.reads("Nothing waits")
    print("the approver is in")


if __name__ == "__main__":
    main(sys.argv[1])
