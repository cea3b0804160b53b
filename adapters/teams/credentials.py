"""The bot's own token, with which it calls the Bot Framework.

Owns: getting it from the tenant's login and keeping it. It is got outside the event loop, because
the library that does it blocks; the SDK then finds it ready and never asks the network itself.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msal
import requests

from adapters.teams.settings import TeamsSettings
from bot.core.errors import OperationError

SCOPE = "https://api.botframework.com/.default"
TIMEOUT_S = 10.0


class BotCredentials:
    """What the SDK's client signs its requests with. The SDK's own class would ask for a token
    anew for each of its clients, and from within the event loop."""

    def __init__(self, settings: TeamsSettings) -> None:
        self._settings = settings
        self._application: msal.ConfidentialClientApplication | None = None
        self._token = ""
        self._turn = asyncio.Lock()

    async def prepare(self) -> str:
        """A token that is good for some minutes yet; asks the login only where it must.

        Raises:
            OperationError: the login gives none (``teams_login_refused``), or cannot be reached
                (``chat_unavailable``).
        """
        async with self._turn:
            try:
                answer = await asyncio.to_thread(self._acquire)
            except (requests.RequestException, ValueError) as error:
                raise OperationError("chat_unavailable", adapter="teams") from error
        if "access_token" not in answer:
            raise OperationError("teams_login_refused", reason=_reason_of(answer))
        self._token = str(answer["access_token"])
        return self._token

    def signed_session(self, session: requests.Session | None = None) -> requests.Session:
        """For the SDK: the session with the token that ``prepare`` has got."""
        session = session or requests.Session()
        session.headers["Authorization"] = f"Bearer {self._token}"
        return session

    def _acquire(self) -> dict[str, Any]:
        if self._application is None:
            self._application = self._opened()
        return dict(self._application.acquire_token_for_client(scopes=[SCOPE]))

    def _opened(self) -> msal.ConfidentialClientApplication:
        settings = self._settings
        secret = settings.app_password.get_secret_value() if settings.app_password else ""
        return msal.ConfidentialClientApplication(
            settings.app_id,
            client_credential=secret,
            authority=settings.authority,
            instance_discovery=False,  # the authority is the site's own setting
            http_client=_LoginClient(str(settings.ca_file) if settings.ca_file else True),
        )


def _reason_of(answer: dict[str, Any]) -> str:
    """The login's own word, and its number: that is what people look for."""
    codes = answer.get("error_codes")
    numbers = [f"AADSTS{code}" for code in codes] if isinstance(codes, list) else []
    return " ".join([str(answer.get("error", "?")), *numbers])


class _LoginClient:
    """How the library asks: each request names its authority of certificates, which a session's
    own setting would leave to the environment."""

    def __init__(self, verify: str | bool) -> None:
        self._session = requests.Session()
        self._options: dict[str, Any] = {"verify": verify, "timeout": TIMEOUT_S}

    def get(self, url: str, **options: Any) -> requests.Response:
        return self._session.get(url, **(options | self._options))

    def post(self, url: str, **options: Any) -> requests.Response:
        return self._session.post(url, allow_redirects=False, **(options | self._options))

    def close(self) -> None:
        self._session.close()
