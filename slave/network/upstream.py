"""Asking a mirror, through the site's proxy if there is one."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Final

from piufarm.errors import FarmError

TIMEOUT_SECONDS: Final = 60.0  # without a byte


def ask(url: str, *, proxy: str | None, headers: Mapping[str, str] | None = None) -> http.client.HTTPResponse:
    """The mirror's answer, also if it is 304 or an error; redirections to http and https are followed.

    Raises FarmError if there is no answer.
    """
    request = urllib.request.Request(url, headers=dict(headers or {}))
    try:
        answer = _opener(proxy).open(request, timeout=TIMEOUT_SECONDS)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FarmError(f"cannot fetch {url}: {error}", hint="is the mirror up, and the network?") from error
    assert isinstance(answer, http.client.HTTPResponse)
    return answer


class _KeepErrors(urllib.request.HTTPErrorProcessor):
    """Hands out 304 and errors as answers; redirections still go to their handler."""

    def http_response(
        self, request: urllib.request.Request, response: http.client.HTTPResponse
    ) -> http.client.HTTPResponse:
        if response.status in (301, 302, 303, 307, 308):
            redirected = super().http_response(request, response)
            assert isinstance(redirected, http.client.HTTPResponse)
            return redirected
        return response

    https_response = http_response


def _opener(proxy: str | None) -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()  # build_opener would also follow to ftp: and file:
    handlers: tuple[urllib.request.BaseHandler, ...] = (
        urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else {}),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        _KeepErrors(),
        urllib.request.HTTPDefaultErrorHandler(),
    )
    for handler in handlers:
        opener.add_handler(handler)
    return opener
