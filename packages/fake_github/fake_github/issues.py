"""Issues and their comments."""

from __future__ import annotations

from typing import Any

from .call import Call, only, paged
from .labels import label_json, make_labels
from .messages import Answer, created, invalid, wrong
from .records import Comment, Issue
from .repository import Repository, now, values_of


def list_issues(call: Call) -> Answer:
    """Newest first, open unless told; filters: labels (all of them), state, creator. Pull requests are issues too."""
    query = call.request.query
    labels = {name for name in query.get("labels", "").split(",") if name}
    states = {"all": ("open", "closed")}.get(query.get("state", "open"), (query.get("state", "open"),))
    kept = [
        issue
        for issue in call.repository.issues
        if labels <= set(issue.labels) and issue.state in states and query.get("creator", issue.author) == issue.author
    ]
    if query.get("direction") != "asc":
        kept.reverse()
    return paged(call, [issue_json(call.repository, issue) for issue in kept])


def numbered(repository: Repository, number: int) -> Issue:
    return only(repository.issues, number, "number")


def get_issue(call: Call) -> Answer:
    return Answer(200, issue_json(call.repository, numbered(call.repository, call.id)))


def create_issue(call: Call) -> Answer:
    """201; labels that do not exist yet are made."""
    fields, repository, moment = call.fields, call.repository, now()
    title = fields.need("title")
    if not title.strip():
        raise invalid(wrong("Issue", "missing_field", "title"))
    labels, about = make_labels(repository, fields.texts("labels")), (title, fields.text("body"))
    number = len(repository.issues) + 1
    issue = Issue(repository.next_id(), number, *about, call.writer.actor, moment, moment, labels)
    repository.issues.append(issue)
    repository.happened(call.writer, "issues", "opened", number=number)
    return created(issue_json(repository, issue))


def update_issue(call: Call) -> Answer:
    """Change what is given: title, body, labels, state."""
    issue, fields, repository = numbered(call.repository, call.id), call.fields, call.repository
    state = fields.text("state", issue.state)
    if state not in ("open", "closed"):
        raise invalid({"value": state, **wrong("Issue", "invalid", "state")})
    issue.title, issue.body = fields.text("title", issue.title), fields.text("body", issue.body)
    if "labels" in fields:
        issue.labels = make_labels(repository, fields.texts("labels"))
    if state != issue.state:
        move(issue, state, fields.given.get("state_reason"))
        repository.happened(call.writer, "issues", "closed" if state == "closed" else "reopened", number=issue.number)
    issue.updated_at = now()
    return Answer(200, issue_json(repository, issue))


def move(issue: Issue, state: Any, reason: str | None) -> None:
    issue.state = state
    issue.closed_at = now() if state == "closed" else None
    issue.state_reason = reason or ("completed" if state == "closed" else "reopened")


def create_comment(call: Call) -> Answer:
    issue, repository, moment = numbered(call.repository, call.id), call.repository, now()
    text = call.fields.need("body")
    if not text:
        raise invalid(wrong("IssueComment", "missing_field", "body"))
    issue.comments.append(Comment(repository.next_id(), text, call.writer.actor, moment, moment))
    issue.updated_at = moment
    repository.happened(call.writer, "issue_comment", "created", number=issue.number)
    return created(comment_json(repository, issue, issue.comments[-1]))


def list_comments(call: Call) -> Answer:
    """Oldest first."""
    issue = numbered(call.repository, call.id)
    return paged(call, [comment_json(call.repository, issue, comment) for comment in issue.comments])


def comment_json(repository: Repository, issue: Issue, comment: Comment) -> dict[str, Any]:
    return {
        **values_of(comment, "id", "body", "created_at", "updated_at"),
        "node_id": f"IC_{comment.id}",
        "url": f"{repository.api}/issues/comments/{comment.id}",
        "html_url": f"{repository.page}/issues/{issue.number}#issuecomment-{comment.id}",
        "user": repository.user(comment.author),
        "issue_url": f"{repository.api}/issues/{issue.number}",
        "author_association": "NONE",
    }


def issue_json(repository: Repository, issue: Issue) -> dict[str, Any]:
    return {
        **issue_urls(repository, issue),
        **values_of(issue, "id", "number", "title", "state", "state_reason", "created_at", "updated_at", "closed_at"),
        "node_id": f"I_{issue.id}",
        "user": repository.user(issue.author),
        "labels": [label_json(repository, repository.labels[name]) for name in issue.labels],
        "locked": False,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": len(issue.comments),
        "author_association": "NONE",
        "body": issue.body or None,
    }


def issue_urls(repository: Repository, issue: Issue) -> dict[str, Any]:
    """The addresses; a pull request is known by ``pull_request``."""
    url, page = f"{repository.api}/issues/{issue.number}", f"{repository.page}/issues/{issue.number}"
    pull = {"url": f"{repository.api}/pulls/{issue.number}", "html_url": f"{repository.page}/pull/{issue.number}"}
    urls = {
        "url": url,
        "repository_url": repository.api,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
    }
    return {**urls, "html_url": pull["html_url"], "pull_request": pull} if issue.head else {**urls, "html_url": page}
