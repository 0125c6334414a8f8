"""From a request to an answer: find the route, look at the token, do the work, word the refusal."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .call import Call
from .messages import Answer, Refused, Request, not_found
from .overview import rate_state
from .permissions import Token, authorize
from .repository import Repository
from .routes import ANYONE, BROWSER, RATE_LIMIT, REPOSITORY, STORAGE, Route

if TYPE_CHECKING:
    from .fake import GitHub

Found = tuple[Route, dict[str, str]]


def respond(fake: GitHub, request: Request) -> Answer:
    """The answer; a route that is not known is 404 and remembered."""
    found = find(fake.repository, request)
    if found is None:
        fake.unknown.append(str(request))
        return decorated(Refused(404, "Not Found").answer(""), request, None)
    route, params = found
    with fake.repository.lock:
        try:
            answer = route.does(Call(fake.repository, request, admitted(fake, request, route), params))
        except Refused as refused:
            answer = refused.answer(route.docs)
    return decorated(answer, request, route)


def admitted(fake: GitHub, request: Request, route: Route) -> Token | None:
    """The token behind the request if it may do this; raises 401, 403 or 404."""
    if route in (BROWSER, STORAGE):
        return None
    token = fake.tokens.get(request.token) if request.token else None
    if "authorization" in request.headers and token is None:
        raise Refused(401, "Bad credentials")
    if route is not RATE_LIMIT:
        authorize(token, fake.repository.private, route.area, route.level)
    return token


def find(repository: Repository, request: Request) -> Found | None:
    """The route of a request with the parts of its path. A path of another repository is known, and 404."""
    path = request.path.replace(f"/repositories/{repository.id}", f"/repos/{repository.full_name}", 1)
    if api := re.match(r"/repos/([^/]+/[^/]+)(.*)", path):
        found = among(REPOSITORY, request.method, api[2])
        if found and api[1].lower() != repository.full_name.lower():
            return replace(found[0], does=missing, area=ANYONE, level="read"), {}
        return found
    page = f"/{repository.full_name}"
    if path.lower().startswith(f"{page}/".lower()):
        return among([BROWSER], request.method, path[len(page) :])
    return among([RATE_LIMIT, STORAGE], request.method, path)


def missing(call: Call) -> Answer:
    raise not_found()


def among(routes: list[Route], method: str, path: str) -> Found | None:
    for route in routes:
        match = route.pattern.fullmatch(path)
        if match and route.method == method:
            return route, {name: unquote(value) for name, value in match.groupdict().items()}
    return None


def decorated(answer: Answer, request: Request, route: Route | None) -> Answer:
    """The headers that every answer has."""
    rate = rate_state(request.number)
    headers = {f"X-RateLimit-{key.capitalize()}": str(value) for key, value in rate.items()}
    if route and route.area != ANYONE:
        headers["X-Accepted-GitHub-Permissions"] = f"{route.area.replace('-', '_')}={route.level}"
    if answer.body is not None:
        headers["Content-Type"] = "application/json; charset=utf-8"
    return Answer(answer.status, answer.body, {**headers, **answer.headers})
