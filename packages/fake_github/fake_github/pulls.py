"""Pull requests, as far as opening and finding them."""

from __future__ import annotations

from typing import Any

from .call import Call, only, paged
from .messages import Answer, Refused, created, invalid, wrong
from .records import Issue
from .repository import Repository, now, values_of

NOT_PERMITTED = "GitHub Actions is not permitted to create or approve pull requests."


def create_pull(call: Call) -> Answer:
    """201; 403 for GITHUB_TOKEN unless the repository allows it, 422 for a second one or for nothing to merge."""
    fields, repository, moment = call.fields, call.repository, now()
    if call.writer.kind == "GITHUB_TOKEN" and not repository.actions_may_open_pulls:
        raise Refused(403, NOT_PERMITTED)
    head, base = fields.need("head").removeprefix(f"{repository.owner}:"), fields.need("base")
    check_branches(repository, head, base)
    number, about = len(repository.issues) + 1, (fields.need("title"), fields.text("body"))
    pull = Issue(repository.next_id(), number, *about, call.writer.actor, moment, moment)
    pull.head, pull.base, pull.draft = head, base, fields.flag("draft", False)
    repository.issues.append(pull)
    repository.happened(call.writer, "pull_request", "opened", number=number, head=head)
    return created(pull_json(repository, pull))


def check_branches(repository: Repository, head: str, base: str) -> None:
    for field, branch in (("head", head), ("base", base)):
        if repository.bare.full_ref(f"refs/heads/{branch}") is None:
            raise invalid(wrong("PullRequest", "invalid", field))
    if repository.bare.count(f"refs/heads/{base}", f"refs/heads/{head}") == 0:
        raise invalid(wrong("PullRequest", "custom", message=f"No commits between {base} and {head}"))
    if any(p.head == head and p.base == base and p.state == "open" for p in repository.issues):
        message = f"A pull request already exists for {repository.owner}:{head}."
        raise invalid(wrong("PullRequest", "custom", message=message))


def list_pulls(call: Call) -> Answer:
    """Newest first, open unless told; filters: state, head (OWNER:BRANCH), base."""
    query, repository = call.request.query, call.repository
    kept = [
        pull
        for pull in reversed(repository.issues)
        if pull.head
        and query.get("state", "open") in (pull.state, "all")
        and query.get("head", f"{repository.owner}:{pull.head}") == f"{repository.owner}:{pull.head}"
        and query.get("base", pull.base) == pull.base
    ]
    return paged(call, [pull_json(repository, pull) for pull in kept])


def get_pull(call: Call) -> Answer:
    return Answer(200, pull_json(call.repository, numbered(call)))


def update_pull(call: Call) -> Answer:
    """Change what is given: title and body."""
    pull, fields = numbered(call), call.fields
    pull.title, pull.body = fields.text("title", pull.title), fields.text("body", pull.body)
    pull.updated_at = now()
    return Answer(200, pull_json(call.repository, pull))


def numbered(call: Call) -> Issue:
    return only([issue for issue in call.repository.issues if issue.head], call.id, "number")


def pull_json(repository: Repository, pull: Issue) -> dict[str, Any]:
    url, page = f"{repository.api}/pulls/{pull.number}", f"{repository.page}/pull/{pull.number}"
    return {
        "url": url,
        **values_of(pull, "id", "number", "state", "title", "created_at", "updated_at", "closed_at", "draft"),
        "node_id": f"PR_{pull.id}",
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": f"{repository.api}/issues/{pull.number}",
        "locked": False,
        "user": repository.user(pull.author),
        "body": pull.body or None,
        "merged_at": None,
        "head": side(repository, pull.head),
        "base": side(repository, pull.base),
    }


def side(repository: Repository, branch: str) -> dict[str, Any]:
    sha = repository.bare.commit(f"refs/heads/{branch}")
    label = f"{repository.owner}:{branch}"
    return {"label": label, "ref": branch, "sha": sha, "user": repository.user(repository.owner)}
